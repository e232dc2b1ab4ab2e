// What the reader has written and the server has not confirmed, in the order of writing.
//
// Each message keeps its msg_id for as long as it lives, so that sending it again cannot store it twice.

import { offer, withdraw } from "./choices.js"
import { write } from "./message.js"
import { say } from "./wording.js"

export class Outbox {
  #timeline
  #role
  #send
  #letters = new Map() // by msg_id: {envelope, item, state: "waiting" | "refused" | "stored"}

  // `send` says whether the envelope went out.
  constructor(timeline, role, send) {
    this.#timeline = timeline
    this.#role = role
    this.#send = send
  }

  write(event, bd) {
    const envelope = { hd: { event, role: this.#role, msg_id: newId() }, bd }
    const letter = { envelope, item: this.#timeline.addUnsent(envelope) }
    this.#letters.set(envelope.hd.msg_id, letter)
    this.#post(letter)
    return letter.item
  }

  // The connection is there (again): send all that was not confirmed over the last one.
  flush() {
    for (const letter of this.#letters.values()) if (letter.state === "waiting") this.#post(letter)
  }

  // The connection is gone: say so under what waits for the next.
  hold() {
    for (const letter of this.#letters.values()) if (letter.state === "waiting") write(letter.item, "note", say("held"))
  }

  confirm({ msg_id }) {
    const letter = this.#letters.get(msg_id)
    if (!letter) return
    letter.state = "stored"
    letter.item.classList.remove("message--unsent")
    write(letter.item, "note", "")
  }

  // Whether the error was about one of these.
  refuse({ msg_id, code, message }) {
    const letter = this.#letters.get(msg_id)
    if (!letter) return false
    letter.state = "refused"
    letter.item.classList.add("message--refused")
    write(letter.item, "note", say(`refusals.${code}`) || message)
    offer(letter.item, [
      [say("retry"), () => this.#post(letter)],
      [say("discard"), () => this.#discard(letter)],
    ])
    return true
  }

  // The event has come back from the server: hand over the item that stood for it.
  take({ msg_id, role }) {
    if (role !== this.#role) return undefined
    const letter = this.#letters.get(msg_id)
    this.#letters.delete(msg_id)
    return letter?.item
  }

  #post(letter) {
    letter.state = "waiting"
    letter.item.classList.add("message--unsent")
    letter.item.classList.remove("message--refused")
    withdraw(letter.item)
    write(letter.item, "note", say(this.#send(letter.envelope) ? "sending" : "held"))
  }

  #discard({ envelope, item }) {
    this.#letters.delete(envelope.hd.msg_id)
    item.remove()
  }
}

// Not crypto.randomUUID: that is missing where the page is served over plain HTTP in a local network.
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("")
}
