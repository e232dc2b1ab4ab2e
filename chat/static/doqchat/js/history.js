// The session's history over HTTP, and the part of it that the timeline shows: a window, whose ends move as the reader
// scrolls. It usually reaches to the newest event and takes new ones in; a window that ends earlier leaves them out.

import { BEGINNING, isAfter } from "./sync.js"
import { say } from "./wording.js"

const PAGE = 100
const PATIENCE = 20_000 // ms, timeout of a request
const HUSH = 1_000 // ms
const AHEAD = "800px" // how far before an end of the window the next page is loaded

export class History {
  #timeline
  #autoscroll
  #path
  #token
  #take
  #warn
  #earlier
  #later
  #watcher
  #first
  #last
  #live = true
  #newest = BEGINNING // the last event that has arrived
  #log
  #hushed // the timer of that
  #loading = null // aborts what is being loaded

  // `pane`: the timeline's element. `path`: of the history. `first`: the id of the first event on the page, null when
  // there is none yet. `take` returns the item of an unsent message that is stored after all. `warn` gets a sentence.
  constructor(pane, { timeline, autoscroll, path, token, first, take, warn }) {
    this.#timeline = timeline
    this.#autoscroll = autoscroll
    this.#path = path
    this.#token = token
    this.#first = first
    this.#take = take
    this.#warn = warn
    this.#log = pane.querySelector("[role=log]")
    this.#earlier = pane.querySelector(".timeline__earlier")
    this.#later = pane.querySelector(".timeline__later")
    this.#watcher = new IntersectionObserver((seen) => this.#near(seen), { root: pane, rootMargin: `${AHEAD} 0px` })
    for (const edge of [this.#earlier, this.#later]) {
      this.#watcher.observe(edge)
      edge.querySelector("button").addEventListener("click", () => this.#extend(edge))
    }
  }

  // Whether the window reaches to the newest event.
  get live() {
    return this.#live
  }

  // A stored event has arrived; `item` is the one that it has had so far, if any.
  add(envelope, item) {
    const { id } = envelope.hd
    if (isAfter(id, this.#newest)) this.#newest = id
    if (this.#live || !isAfter(id, this.#last)) {
      this.#timeline.store(envelope, item)
      this.#trim()
    } else item?.remove()
  }

  loadEarlier() {
    return this.#extend(this.#earlier)
  }

  // Move the window to the newest events.
  async goLive() {
    if (this.#live) return
    await this.#load(async (signal) => {
      const page = await this.read({ order: "desc", limit: PAGE }, signal)
      this.#replace(page.messages, page.next)
      this.#reach(page.messages[0]?.hd.id ?? BEGINNING)
    })
  }

  // Move the window to the event with this id, unless it is inside.
  async goTo(id) {
    if (this.#timeline.item(id)) return
    await this.#load(async (signal) => {
      const before = await this.read({ order: "desc", limit: PAGE / 2, before: id }, signal)
      const after = before.messages[0]?.hd.id ?? before.next ?? BEGINNING
      const page = await this.read({ limit: PAGE, after }, signal)
      this.#replace([...before.messages, ...page.messages], before.next)
      this.#end(page, after)
    })
  }

  // A page of the history: `messages`, and `next` as the API describes it.
  async read(query, signal) {
    const timeout = AbortSignal.timeout(PATIENCE)
    const response = await fetch(`${this.#path}?${new URLSearchParams(query)}`, {
      headers: this.#token.headers,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    })
    if (!response.ok) throw new Error(`HTTP ${response.status}`, { cause: response })
    return response.json()
  }

  // The first page is loaded once the page is connected, or on request.
  #near(seen) {
    if (this.#loading || !this.#first) return
    for (const { isIntersecting, target } of seen) if (isIntersecting) this.#extend(target)
  }

  #extend(edge) {
    return this.#load((signal) => (edge === this.#earlier ? this.#prepend(signal) : this.#append(signal)), edge)
  }

  async #prepend(signal) {
    const query = { order: "desc", limit: PAGE }
    if (this.#first) query.before = this.#first
    const { messages, next } = await this.read(query, signal)
    this.#show(messages)
    this.#begin(next)
    this.#trim()
  }

  async #append(signal) {
    const page = await this.read({ limit: PAGE, after: this.#last }, signal)
    this.#show(page.messages)
    this.#end(page, this.#last)
    this.#trim()
  }

  // One load at a time; a later one replaces the current. An edge that failed waits for its button.
  async #load(work, edge) {
    this.#loading?.abort()
    const loading = (this.#loading = new AbortController())
    const button = edge?.querySelector("button")
    if (button) button.ariaDisabled = "true"
    this.#warn("")
    try {
      await work(loading.signal)
      this.#watchAgain()
    } catch (error) {
      if (!loading.signal.aborted) this.#warn(say("history.failed"))
      if (!loading.signal.aborted && !edge) throw error
    } finally {
      if (button) button.ariaDisabled = null
      if (this.#loading === loading) this.#loading = null
    }
  }

  // An edge that is still near reports itself only to a new observation.
  #watchAgain() {
    for (const edge of [this.#earlier, this.#later]) {
      this.#watcher.unobserve(edge)
      this.#watcher.observe(edge)
    }
  }

  #show(envelopes) {
    this.#hush()
    this.#autoscroll.hold(() => this.#store(envelopes))
  }

  #replace(envelopes, next) {
    this.#hush()
    this.#timeline.empty()
    this.#store(envelopes)
    this.#begin(next)
  }

  #store(envelopes) {
    for (const envelope of envelopes) this.#timeline.store(envelope, this.#take(envelope.hd))
  }

  // Screen readers announce what is added to the log; history is not news.
  #hush() {
    clearTimeout(this.#hushed)
    this.#log.ariaLive = "off"
    this.#hushed = setTimeout(() => { this.#log.ariaLive = "polite" }, HUSH)
  }

  // The window begins after `next`; null: with the session.
  #begin(next) {
    if (next) this.#first = next
    this.#earlier.hidden = !next
  }

  // The window ends with this page, which was read after an event.
  #end({ messages, next }, after) {
    const last = next ?? messages.at(-1)?.hd.id ?? after
    if (next) this.#leave(last)
    else this.#reach(last)
  }

  #leave(last) {
    this.#live = false
    this.#last = last
    this.#later.hidden = false
  }

  // The page was the newest when it was read; what has arrived since then is loaded next.
  #reach(last) {
    this.#leave(last)
    if (isAfter(this.#newest, last)) return
    this.#live = true
    this.#later.hidden = true
  }

  #trim() {
    if (!this.#timeline.isFull) return
    this.#autoscroll.hold(() => {
      const atEnd = this.#timeline.trim(this.#autoscroll.seen)
      const [first, last] = this.#timeline.ends
      if (atEnd) this.#leave(last)
      else this.#begin(first)
    })
  }
}
