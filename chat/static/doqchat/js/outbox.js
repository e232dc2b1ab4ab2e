// Messages that the server has not acknowledged, in the order of writing.
//
// One message at a time is in flight: a second one could be stored first while the store is unreachable. Each
// keeps its msg_id for as long as it lives, so that sending it again cannot store it twice.

import { PendingMessage } from "./pending.js"
import { FIRST_WAIT, LONGEST_WAIT, between, growing } from "./waits.js"
import { say } from "./wording.js"

const PATIENCE = 15_000 // ms, timeout of an acknowledgement

export class Outbox {
  #timeline
  #role
  #send
  #lose
  #pending = new Map() // by msg_id
  #current // the message that is in flight or delayed; the others wait for it
  #timer // of that timeout, or of the next attempt
  #failures = 0
  #note = "held" // below those that wait; "sending" while connected

  // `send` gets an envelope; `lose` is called after a timeout and has to reconnect.
  constructor(timeline, role, { send, lose }) {
    this.#timeline = timeline
    this.#role = role
    this.#send = send
    this.#lose = lose
  }

  write(event, bd) {
    const envelope = { hd: { event, role: this.#role, msg_id: newId() }, bd }
    const message = new PendingMessage(envelope, this.#timeline.addUnsent(envelope))
    this.#pending.set(envelope.hd.msg_id, message)
    this.#queue(message)
    this.#guard()
    return message.item
  }

  // Connected: send all messages without an acknowledgement.
  flush() {
    this.#begin("sending")
  }

  // Disconnected: show that the messages wait for the connection or, if the session is closed, are not sent: what was
  // stored has arrived before the close.
  hold(closed) {
    this.#begin(closed ? "unsent" : "held")
  }

  confirm({ msg_id }) {
    const message = this.#pending.get(msg_id)
    if (!message) return
    message.store()
    this.#guard()
    this.#settle(message)
  }

  // Whether the error is about one of the messages.
  refuse(error) {
    const message = this.#pending.get(error.msg_id)
    if (!message) return false
    if (message.putOff(error)) this.#nextIn(this.#waitAfter(error))
    else {
      message.refuse(error, [
        [say("retry"), () => this.#queue(message)],
        [say("discard"), () => this.#discard(message)],
      ])
      this.#settle(message)
    }
    return true
  }

  // The stored event has arrived: returns the item of its message.
  take({ msg_id, role }) {
    if (role !== this.#role) return undefined
    const message = this.#pending.get(msg_id)
    this.#pending.delete(msg_id)
    this.#guard()
    if (message) this.#settle(message)
    return message?.item
  }

  #queue(message) {
    message.wait(this.#note)
    if (!this.#current) this.#next()
  }

  #begin(note) {
    this.#note = note
    for (const message of this.#pending.values()) if (message.state === "waiting") message.wait(note)
    this.#next()
  }

  // The message in flight was stored or refused.
  #settle(message) {
    if (message !== this.#current) return
    this.#failures = 0
    this.#next()
  }

  #next() {
    clearTimeout(this.#timer)
    const waiting = ({ state }) => state === "waiting"
    this.#current = this.#note !== "sending" ? undefined : [...this.#pending.values()].find(waiting)
    if (!this.#current) return
    this.#timer = setTimeout(this.#lose, PATIENCE)
    this.#send(this.#current.envelope)
  }

  #nextIn(wait) {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#next(), wait)
  }

  // Milliseconds.
  #waitAfter({ retry_after }) {
    if (retry_after) return between(retry_after * 1000, retry_after * 1000 + FIRST_WAIT)
    this.#failures += 1
    return growing(FIRST_WAIT, LONGEST_WAIT, this.#failures)
  }

  #discard({ envelope, item }) {
    this.#pending.delete(envelope.hd.msg_id)
    this.#guard()
    item.remove()
  }

  // Unstored messages are lost with the page: let the browser ask before it is closed.
  #guard() {
    const unsent = [...this.#pending.values()].some(({ state }) => state !== "stored")
    if (unsent) addEventListener("beforeunload", stay)
    else removeEventListener("beforeunload", stay)
  }
}

function stay(event) {
  event.preventDefault()
}

// Not crypto.randomUUID: that is missing where the page is served over plain HTTP in a local network.
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("")
}
