// Downloads the conversation as a file that the server writes. Without scripts the links do that too, but they cannot send
// the token of a link, and browsers say little about a refusal.

import { say } from "./wording.js"

const KEPT = 60_000 // ms that the file stays available to the browser
const NAME = /filename\*=UTF-8''([^;]+)/
const REFUSALS = { 404: "download.empty", 429: "download.limited" } // by status

export class Download {
  #element
  #cancel
  #state
  #token
  #running

  constructor(element, token) {
    this.#element = element
    this.#cancel = element.querySelector(".download__cancel")
    this.#state = element.querySelector(".download__state")
    this.#token = token
    this.#cancel.addEventListener("click", () => this.#running?.abort())
  }

  async start(address) {
    const { signal } = (this.#running = new AbortController())
    this.#show(true)
    this.#state.textContent = say("download.loading")
    try {
      this.#state.textContent = say(await this.#save(address, signal))
    } catch {
      this.#state.textContent = say(signal.aborted ? "download.cancelled" : "download.failed")
    }
    this.#show(false)
  }

  // What there is to say afterwards. Throws if the file is not complete.
  async #save(address, signal) {
    const response = await fetch(address, { headers: this.#token.headers, signal })
    if (!response.ok) return REFUSALS[response.status] ?? "download.failed"
    const [, name] = NAME.exec(response.headers.get("Content-Disposition"))
    save(decodeURIComponent(name), await response.blob())
    return "download.done"
  }

  #show(running) {
    const focused = this.#element.contains(document.activeElement)
    for (const link of this.#element.querySelectorAll("a")) link.hidden = running
    this.#cancel.hidden = !running
    if (focused) this.#element.querySelector(".button:not([hidden])").focus()
  }
}

function save(name, content) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT)
}
