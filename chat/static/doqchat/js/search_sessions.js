// Search in the messages of the sessions that the home page lists.

import { nameOfMoment, say } from "./wording.js"

const PATIENCE = 10_000 // ms, timeout of a request
const FAILURES = { 400: "search.short", 429: "search.limited" } // by status

export class SessionSearch {
  #element
  #field
  #hits
  #more
  #state
  #links
  #query
  #next
  #searching = new AbortController()

  // `links` returns the links to the listed sessions' rooms, by session name.
  constructor(element, links) {
    this.#element = element
    this.#field = element.querySelector(".found__text")
    this.#hits = element.querySelector(".found__hits")
    this.#more = element.querySelector(".found__more")
    this.#state = element.querySelector(".found__state")
    this.#links = links
    element.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault()
      this.#start(this.#field.value.trim())
    })
    this.#more.addEventListener("click", () => this.#find())
  }

  #start(query) {
    this.#query = query
    this.#next = null
    this.#hits.replaceChildren()
    if (/\S\S/u.test(query)) return this.#find()
    this.#state.textContent = say("search.short")
  }

  async #find() {
    this.#searching.abort()
    const { signal } = (this.#searching = new AbortController())
    this.#more.hidden = true
    this.#state.textContent = say("search.searching")
    try {
      const { hits, next } = await this.#read(signal)
      this.#hits.append(...hits.filter(({ sid }) => this.#links().has(sid)).map((hit) => this.#drawn(hit)))
      this.#tell(next)
    } catch (error) {
      if (!signal.aborted) this.#fail(error)
    }
  }

  async #read(signal) {
    const query = new URLSearchParams([...this.#links().keys()].map((sid) => ["sid", sid]))
    query.set("q", this.#query)
    if (this.#next) query.set("cursor", this.#next)
    const timeout = AbortSignal.timeout(PATIENCE)
    const response = await fetch(`${this.#element.dataset.search}?${query}`, { signal: AbortSignal.any([signal, timeout]) })
    if (!response.ok) throw new Error(`HTTP ${response.status}`, { cause: response })
    return response.json()
  }

  #tell(next) {
    this.#next = next
    const count = this.#hits.childElementCount
    this.#more.hidden = !next
    this.#more.textContent = say("search.more")
    if (count) this.#state.textContent = say(next ? "search.first" : count === 1 ? "search.one" : "search.some", { count })
    else this.#state.textContent = next ? "" : say("search.none")
  }

  #fail({ cause }) {
    this.#state.textContent = say(FAILURES[cause?.status] ?? "search.failed")
    this.#more.hidden = cause?.status === 400
    this.#more.textContent = say("search.again")
  }

  // A hit leads to its message in the room.
  #drawn({ sid, title, id, role, name, time, excerpt }) {
    const link = element("a", "found__hit")
    link.href = `${this.#links().get(sid).href}&${new URLSearchParams({ at: id })}`
    const head = element("span", "found__title", title || sid)
    head.dir = "auto"
    const text = element("span", "found__excerpt", `${name || role}: `, ...marked(excerpt))
    text.dir = "auto"
    link.append(head, element("time", "recent__time", nameOfMoment(new Date(time))), text)
    const item = document.createElement("li")
    item.append(link)
    return item
  }
}

function element(name, className, ...content) {
  const made = document.createElement(name)
  made.className = className
  made.append(...content)
  return made
}

// The matches are counted in code points.
function marked({ text, matches }) {
  const characters = [...text]
  const part = (first, last) => characters.slice(first, last).join("")
  const pieces = []
  let end = 0
  for (const [first, last] of matches) {
    pieces.push(part(end, first), element("mark", "", part(first, last)))
    end = last
  }
  return [...pieces, part(end)]
}
