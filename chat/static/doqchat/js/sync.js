// Which stored events have been received: their ids, duplicates, and missing events, which are requested again.

// Ids of events: Redis Stream ids, "milliseconds-sequence".

export const BEGINNING = "0-0"

// Whether the event with id a comes after the one with id b.
export function isAfter(a, b) {
  const [millisecondsA, sequenceA] = a.split("-").map(Number)
  const [millisecondsB, sequenceB] = b.split("-").map(Number)
  return millisecondsA > millisecondsB || (millisecondsA === millisecondsB && sequenceA > sequenceB)
}

// When the event was stored.
export function timeOf(id) {
  return new Date(Number(id.split("-")[0]))
}

// Which durable events have been received: drops duplicates, notices missing ones.

export class Cursor {
  #sync
  #ahead = new Map() // events after missing ones: the id of each by that of the event before it

  // `last`: the id up to which nothing is missing, null while that is unknown.
  // `sync` is called when an event shows that something after that is missing.
  constructor(last, sync) {
    this.last = last
    this.#sync = sync
  }

  // Whether this event is new. An event after missing ones is new too: it is shown at its place, and the missing ones
  // are requested.
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

// Requests another welcome and a replay on the open connection, when events are missing.

const NAME = "sync" // the msg_id that distinguishes its refusal from that of a message
const PAUSE = 2 // s before a retry, unless the server sends retry_after

export class Sync {
  #request
  #asked = false
  #again

  // `request` sends the frame with this msg_id and returns whether it was sent; if not, the next connection begins with
  // a welcome.
  constructor(request) {
    this.#request = request
  }

  // Calls before the welcome send one request.
  ask() {
    this.#asked ||= this.#request(NAME)
  }

  // A welcome has arrived.
  settle() {
    clearTimeout(this.#again)
    this.#asked = false
  }

  // Whether the error was about this sync, which is then retried.
  refuse({ msg_id, retry_after = PAUSE }) {
    if (msg_id !== NAME) return false
    this.#again = setTimeout(() => {
      this.settle()
      this.ask()
    }, retry_after * 1000)
    return true
  }
}
