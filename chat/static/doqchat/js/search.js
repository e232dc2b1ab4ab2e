// Search in the session: the results, newest first, and the way to a message and back.

import { drawn } from "./message.js"
import { timeOf } from "./sync.js"
import { nameOfMoment, say } from "./wording.js"

const PAUSE = 300 // ms without typing before a search
const PAGE = 30 // results at once
const BEFORE = 40 // characters of an excerpt before the hit
const EXCERPT = 160
const PAIR = /\S\S/u // the server finds nothing shorter
const TERMS = /["“”]([^"“”]*)["“”]|([^\s"“”]+)/g
const FOUND = "message--found"
const BLOCKS = "h2, h3, h4, h5, h6, li, p, pre, td, th"
const FAILURES = { 400: "search.short", 429: "search.limited" } // by status
const HIGHLIGHT = "found" // the name of the highlight in CSS

export class Search {
  #element
  #field
  #hits
  #more
  #state
  #history
  #timeline
  #autoscroll
  #reader
  #query = ""
  #next = null
  #searching = new AbortController()
  #timer
  #origin // where the reader was before the first jump
  #opener

  // `reader`: the role of the reader.
  constructor(element, { history, timeline, autoscroll, reader }) {
    this.#element = element
    this.#field = element.querySelector(".search__text")
    this.#hits = element.querySelector(".search__hits")
    this.#more = element.querySelector(".search__more")
    this.#state = element.querySelector(".search__state")
    this.#history = history
    this.#timeline = timeline
    this.#autoscroll = autoscroll
    this.#reader = reader
    this.#field.addEventListener("input", () => this.#await(PAUSE))
    this.#field.addEventListener("focus", () => this.#fold(false))
    element.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault()
      this.#await(0)
    })
    element.querySelector(".search__close").addEventListener("click", () => this.close())
    this.#more.addEventListener("click", () => this.#find())
    document.addEventListener("keydown", (event) => this.#press(event))
  }

  // The panel is shown, and something may have been typed. `opener` gets the focus back.
  open(opener) {
    this.#opener = opener ?? this.#opener
    this.#fold(false)
    if (this.#field.value.trim() === this.#query) this.#field.select()
    else this.#await(0)
  }

  // Lead to a message that was found elsewhere.
  async goTo(id) {
    if (!(await this.#reach(id))) return
    const item = this.#timeline.item(id)
    this.#autoscroll.show(item)
    this.#mark(item)
  }

  // Close it and return to where the reader was.
  async close() {
    this.#element.hidden = true
    this.#searching.abort()
    this.#mark(null)
    this.#opener?.focus()
    const origin = this.#origin
    this.#origin = undefined
    if (origin === null) return this.#autoscroll.toEnd()
    if (origin && (await this.#reach(origin.id))) {
      this.#autoscroll.putAt(this.#timeline.item(origin.id), origin.offset)
    }
  }

  #press(event) {
    if (event.key !== "Escape" || event.isComposing || event.defaultPrevented || this.#element.hidden) return
    if (document.querySelector("dialog:modal")) return
    event.preventDefault()
    this.close()
  }

  #await(pause) {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#start(this.#field.value.trim()), pause)
  }

  #start(query) {
    if (query === this.#query) return
    this.#query = query
    this.#next = null
    this.#hits.replaceChildren()
    this.#more.hidden = true
    this.#searching.abort()
    this.#state.textContent = query && !PAIR.test(query) ? say("search.short") : ""
    if (PAIR.test(query)) this.#find()
  }

  // The next results. A page of the server can be shorter than asked for, or empty, before the end.
  async #find() {
    const searching = (this.#searching = new AbortController())
    const wanted = this.#hits.childElementCount + PAGE
    this.#more.hidden = true
    this.#state.textContent = say("search.searching")
    try {
      do {
        const query = { q: this.#query, order: "desc", limit: PAGE, ...(this.#next && { before: this.#next }) }
        const { messages, next } = await this.#history.read(query, searching.signal)
        this.#next = next
        this.#hits.append(...messages.filter(hasText).map((envelope) => this.#hit(envelope)))
      } while (this.#next && this.#hits.childElementCount < wanted)
      this.#tell()
    } catch (error) {
      if (!searching.signal.aborted) this.#fail(error)
    }
  }

  #tell() {
    const count = this.#hits.childElementCount
    this.#more.hidden = !this.#next
    this.#more.textContent = say("search.more")
    if (!count) this.#state.textContent = say("search.none")
    else this.#state.textContent = say(this.#next ? "search.first" : count === 1 ? "search.one" : "search.some", { count })
  }

  #fail({ cause }) {
    this.#state.textContent = say(FAILURES[cause?.status] ?? "search.failed")
    this.#more.hidden = cause?.status === 400
    this.#more.textContent = say("search.again")
  }

  // A result: the author and time as in the conversation, and the text around the hit.
  #hit(envelope) {
    const item = drawn(envelope, this.#reader)
    const text = wordsIn(item.querySelector(".message__text"))
    const button = document.createElement("button")
    button.type = "button"
    button.className = "search__hit"
    button.append(
      element("strong", "search__author", item.querySelector(".message__author").textContent),
      element("span", "search__time", nameOfMoment(timeOf(envelope.hd.id))),
      element("span", "search__excerpt", ...excerpt(text, this.#pattern())),
    )
    button.dataset.role = envelope.hd.role
    button.addEventListener("click", () => this.#jump(envelope.hd.id, button))
    const line = document.createElement("li")
    line.append(button)
    return line
  }

  // What the server looks for: words, and phrases in quotes. Matches nothing without them.
  #pattern() {
    const terms = [...this.#query.normalize("NFC").matchAll(TERMS)].map(([, phrase, word]) => (phrase ?? word).trim())
    const wanted = terms.filter(Boolean).sort((one, other) => other.length - one.length)
    const escaped = wanted.map((term) => term.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/\s+/g, "\\s+"))
    return new RegExp(escaped.join("|") || "(?!)", "giu")
  }

  async #jump(id, button) {
    if (this.#origin === undefined) this.#origin = this.#autoscroll.place
    this.#hits.querySelector("[aria-current]")?.removeAttribute("aria-current")
    button.ariaCurrent = "true"
    if (!(await this.#reach(id))) return
    const item = this.#timeline.item(id)
    this.#fold(true)
    this.#autoscroll.show(item)
    this.#mark(item)
  }

  // Whether the message could be loaded.
  async #reach(id) {
    await this.#history.goTo(id).catch(() => {})
    return this.#timeline.item(id) !== undefined
  }

  // On narrow screens, the results make way for the conversation.
  #fold(folded) {
    this.#element.classList.toggle("search--folded", folded)
  }

  #mark(item) {
    document.querySelector(`.${FOUND}`)?.classList.remove(FOUND)
    item?.classList.add(FOUND)
    if (!globalThis.Highlight) return
    CSS.highlights.delete(HIGHLIGHT)
    if (item) CSS.highlights.set(HIGHLIGHT, new Highlight(...rangesIn(item.querySelector(".message__text"), this.#pattern())))
  }
}

// The text of an item that is not on the page; its blocks are apart.
function wordsIn(element) {
  for (const block of element.querySelectorAll(BLOCKS)) block.append(" ")
  return element.textContent.replace(/\s+/g, " ").normalize("NFC")
}

function hasText({ bd }) {
  return Boolean(bd.text ?? bd.prompt)
}

function element(name, className, ...content) {
  const made = document.createElement(name)
  made.className = className
  made.append(...content)
  return made
}

// The text around the first hit, and all hits in it marked. The server also finds what this does not, such as
// full-width letters; the excerpt is then the beginning.
function excerpt(text, pattern) {
  const first = Math.max(0, text.search(pattern) - BEFORE)
  const start = first && text.indexOf(" ", first) + 1 <= first + BEFORE ? text.indexOf(" ", first) + 1 || first : first
  const part = text.slice(start, start + EXCERPT).replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, "") // halves of an emoji
  const pieces = [start ? "…" : ""]
  let end = 0
  for (const { 0: hit, index } of part.matchAll(pattern)) {
    pieces.push(part.slice(end, index), element("mark", "", hit))
    end = index + hit.length
  }
  return [...pieces, part.slice(end), start + EXCERPT < text.length ? "…" : ""]
}

function rangesIn(parent, pattern) {
  const ranges = []
  const texts = document.createTreeWalker(parent, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    for (const { 0: hit, index } of texts.currentNode.data.matchAll(pattern)) {
      const range = new Range()
      range.setStart(texts.currentNode, index)
      range.setEnd(texts.currentNode, index + hit.length)
      ranges.push(range)
    }
  }
  return ranges
}
