// Loads earlier messages, a page at a time.

import { isAfter } from "./ids.js"
import { say } from "./wording.js"

const PAGE = 100

export class Earlier {
  #element
  #path
  #token
  #first
  #show
  #warn

  // `first`: the id of the earliest event on the page, null when there is none yet. `show` gets the envelopes.
  constructor(element, { path, token, first, show, warn }) {
    this.#element = element
    this.#path = path
    this.#token = token
    this.#first = first
    this.#show = show
    this.#warn = warn
    this.#button.addEventListener("click", () => this.load())
  }

  async load() {
    this.#button.disabled = true
    this.#warn("")
    try {
      const response = await fetch(this.#address(), { headers: this.#token.headers })
      if (!response.ok) throw new Error(`HTTP ${response.status}`)
      this.#take(await response.json())
    } catch {
      this.#warn(say("history.failed"))
    }
    this.#button.disabled = false
  }

  get #button() {
    return this.#element.querySelector("button")
  }

  #address() {
    const query = new URLSearchParams({ order: "desc", limit: PAGE })
    if (this.#first) query.set("before", this.#first)
    return `${this.#path}?${query}`
  }

  #take({ messages, next }) {
    for (const { hd } of messages) if (!this.#first || isAfter(this.#first, hd.id)) this.#first = hd.id
    this.#element.hidden = !next
    this.#show(messages)
  }
}
