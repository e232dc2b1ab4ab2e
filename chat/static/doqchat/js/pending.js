// A message that the server has not stored yet, its item and the note below it. This browser keeps it until it is stored
// or discarded.

import { offer, withdraw } from "./choices.js"
import { write } from "./message.js"
import { reason } from "./refusals.js"
import { forget, guard, keep } from "./storage.js"
import { say } from "./wording.js"

const PASSING = ["unavailable", "rate_limited"] // temporary errors
const LONGEST_LIMIT = 10 // s, the longest total wait for a rate limit
const KNOWN_FOR = 23 * 3_600_000 // ms; the server recognises a msg_id for 24 hours after it has stored the message

export class PendingMessage {
  state = "waiting" // or "refused", "stored"
  error // why it was refused
  #key
  #at
  #unanswered // attempts whose outcome is unknown
  #limited = 0 // s

  // `key`: where it is kept. `at`: when it was written, in ms since 1970. `adopted`: whether an earlier page wrote it,
  // which may have sent it.
  constructor(key, { envelope, at, error }, item, adopted) {
    this.envelope = envelope
    this.item = item
    this.error = error
    this.#key = key
    this.#at = at
    this.#unanswered = adopted && !error ? 1 : 0
    this.#keep()
  }

  // Whether it is certainly not stored.
  get isUnsent() {
    return this.state !== "stored" && !this.#unanswered
  }

  // Whether the server may not recognise it any more, and could store it twice.
  get isExpired() {
    return Date.now() - this.#at > KNOWN_FOR
  }

  attempt() {
    this.#unanswered += 1
  }

  // An attempt has failed; after an internal error its outcome is unknown.
  fail({ code }) {
    if (code !== "internal" && this.#unanswered) this.#unanswered -= 1
  }

  // The reader wants it sent, whatever it was refused for and how old it is.
  renew() {
    this.#at = Date.now()
    this.error = undefined
    this.#keep()
  }

  // Show that it is being sent ("sending"), waits for the connection ("held") or will not be sent ("unsent").
  wait(note, choices) {
    this.state = "waiting"
    this.#limited = 0
    this.item.classList.add("message--unsent")
    this.item.classList.remove("message--refused")
    this.#tell(say(note), choices)
  }

  // Show that it will be resent automatically, unless the rate limit lasts too long; returns whether it will.
  putOff({ code, retry_after = 0 }) {
    this.#limited += retry_after
    if (!PASSING.includes(code) || this.#limited > LONGEST_LIMIT) return false
    this.#tell(say(`putOff.${code}`))
    return true
  }

  // Show why it was refused, and let the reader choose.
  refuse(error, choices) {
    this.state = "refused"
    if (error !== this.error) {
      this.error = error
      this.#keep()
    }
    this.item.classList.add("message--unsent", "message--refused")
    this.#tell(reason(error), choices)
  }

  store() {
    this.state = "stored"
    this.item.classList.remove("message--unsent")
    this.#tell("")
    this.forget()
  }

  forget() {
    forget(this.#key)
    guard(this.#key, false)
  }

  #keep() {
    const { envelope, error } = this
    guard(this.#key, !keep(this.#key, { envelope, error, at: this.#at }))
  }

  #tell(note, choices = []) {
    write(this.item, "note", note)
    if (choices.length) offer(this.item, choices)
    else withdraw(this.item)
  }
}

// Copy what was written; `item` shows it, and `button` was pressed.
export async function copy({ text, prompt }, item, button) {
  try {
    await navigator.clipboard.writeText(text ?? prompt)
  } catch {
    // Over plain HTTP in a local network there is no clipboard object.
    getSelection().selectAllChildren(item.querySelector(".message__text"))
    document.execCommand("copy")
  }
  button.textContent = say("copied")
}
