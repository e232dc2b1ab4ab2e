// A message that the server has not stored yet, its item and the note below it.

import { offer, withdraw } from "./choices.js"
import { write } from "./message.js"
import { reason } from "./refusals.js"
import { say } from "./wording.js"

const PASSING = ["unavailable", "rate_limited"] // temporary errors
const LONGEST_LIMIT = 10 // s, the longest total wait for a rate limit

export class PendingMessage {
  state = "waiting" // or "refused", "stored"
  #limited = 0 // s

  constructor(envelope, item) {
    this.envelope = envelope
    this.item = item
  }

  // Show that it is being sent ("sending"), waits for the connection ("held") or will not be sent ("unsent").
  wait(note) {
    this.state = "waiting"
    this.#limited = 0
    this.item.classList.add("message--unsent")
    this.item.classList.remove("message--refused")
    this.#tell(say(note))
  }

  // Show that it will be resent automatically, unless the rate limit lasts too long; returns whether it will.
  putOff({ code, retry_after = 0 }) {
    this.#limited += retry_after
    if (!PASSING.includes(code) || this.#limited > LONGEST_LIMIT) return false
    this.#tell(say(`putOff.${code}`))
    return true
  }

  // Show why it was refused, and let the reader send it again or discard it.
  refuse(error, choices) {
    this.state = "refused"
    this.item.classList.add("message--refused")
    this.#tell(reason(error))
    offer(this.item, choices)
  }

  store() {
    this.state = "stored"
    this.item.classList.remove("message--unsent")
    this.#tell("")
  }

  #tell(note) {
    write(this.item, "note", note)
    withdraw(this.item)
  }
}
