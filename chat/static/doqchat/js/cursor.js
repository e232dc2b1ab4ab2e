// Which durable events have been received: drops duplicates, notices gaps.

import { isAfter } from "./ids.js"

export class Cursor {
  #sync
  #ahead = new Map() // events beyond a gap: the id of each by that of the event before it

  // `last`: the id up to which nothing is missing, null while that is unknown.
  // `sync` is called when an event shows that something after that is missing.
  constructor(last, sync) {
    this.last = last
    this.#sync = sync
  }

  // Whether this event is new. One that came too early is new as well: it is shown at its place, and what is
  // missing before it is asked for.
  pass({ id, prev }) {
    if (!isAfter(id, this.last)) return false
    const again = this.#ahead.get(prev) === id // a replay came to it, so what was between is no longer kept
    this.#ahead.set(prev, id)
    if (again || prev === this.last) this.#advance(prev)
    else this.#sync()
    return !again
  }

  // A welcome has come, and what follows it is everything after `last`; the first one says where that is.
  restart(lastId) {
    this.last ??= lastId
  }

  #advance(id) {
    while (this.#ahead.has(id)) {
      this.last = this.#ahead.get(id)
      this.#ahead.delete(id)
      id = this.last
    }
  }
}
