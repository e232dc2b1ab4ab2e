// One thing that the reader has written and that is not stored: the item that shows it, and what is said under it.

import { offer, withdraw } from "./choices.js"
import { write } from "./message.js"
import { reason } from "./refusals.js"
import { say } from "./wording.js"

const PASSING = ["unavailable", "rate_limited"] // what is over after a wait
const LONGEST_LIMIT = 10 // s that this wait may take, in all, where the server says how long

export class Letter {
  state = "waiting" // or "refused", "stored"
  #limited = 0 // s

  constructor(envelope, item) {
    this.envelope = envelope
    this.item = item
  }

  // It is on its way, or waits for the connection.
  wait(away) {
    this.state = "waiting"
    this.#limited = 0
    this.item.classList.add("message--unsent")
    this.item.classList.remove("message--refused")
    this.#tell(say(away ? "held" : "sending"))
  }

  // Show that it will be resent automatically, unless the rate limit lasts too long; returns whether it will.
  putOff({ code, retry_after = 0 }) {
    this.#limited += retry_after
    if (!PASSING.includes(code) || this.#limited > LONGEST_LIMIT) return false
    this.#tell(say(`putOff.${code}`))
    return true
  }

  // The reader has to say whether it is sent again.
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
