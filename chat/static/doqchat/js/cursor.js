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

  // Whether this event is new. An event beyond a gap is new too: it is shown at its place, and the missing events are
  // requested.
  pass({ id, prev }) {
    if (!isAfter(id, this.last)) return false
    const again = this.#ahead.get(prev) === id // a replay reached it: the events in between are no longer stored
    this.#ahead.set(prev, id)
    if (again || prev === this.last) this.#advance(prev)
    else this.#sync()
    return !again
  }

  // After a welcome come all events after `last`; the first welcome sets it.
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
