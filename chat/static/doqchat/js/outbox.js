// What the reader has written and the server has not confirmed, in the order of writing.
//
// One message at a time is in flight: a second one could be stored first while the store is unreachable. Each
// keeps its msg_id for as long as it lives, so that sending it again cannot store it twice.

import { Letter } from "./letter.js"
import { FIRST_WAIT, LONGEST_WAIT, between, growing } from "./waits.js"
import { say } from "./wording.js"

const PATIENCE = 15_000 // ms that an answer may take before it counts as lost

export class Outbox {
  #timeline
  #role
  #send
  #lose
  #letters = new Map() // by msg_id
  #current // the message that is in flight or delayed; the others wait for it
  #timer // until its answer counts as lost, or until it is sent again
  #failures = 0
  #away = true

  // `send` gets an envelope; `lose` is called when no answer comes, and has to bring about another connection.
  constructor(timeline, role, { send, lose }) {
    this.#timeline = timeline
    this.#role = role
    this.#send = send
    this.#lose = lose
  }

  write(event, bd) {
    const envelope = { hd: { event, role: this.#role, msg_id: newId() }, bd }
    const letter = new Letter(envelope, this.#timeline.addUnsent(envelope))
    this.#letters.set(envelope.hd.msg_id, letter)
    this.#queue(letter)
    this.#guard()
    return letter.item
  }

  // The connection is there (again): send all that was not confirmed over the last one.
  flush() {
    this.#begin(false)
  }

  // The connection is gone: say so under what waits for the next.
  hold() {
    this.#begin(true)
  }

  confirm({ msg_id }) {
    const letter = this.#letters.get(msg_id)
    if (!letter) return
    letter.store()
    this.#guard()
    this.#settle(letter)
  }

  // Whether the error was about one of these.
  refuse(error) {
    const letter = this.#letters.get(error.msg_id)
    if (!letter) return false
    if (letter.putOff(error)) this.#nextIn(this.#waitAfter(error))
    else {
      letter.refuse(error, [
        [say("retry"), () => this.#queue(letter)],
        [say("discard"), () => this.#discard(letter)],
      ])
      this.#settle(letter)
    }
    return true
  }

  // The event has come back from the server: hand over the item that stood for it.
  take({ msg_id, role }) {
    if (role !== this.#role) return undefined
    const letter = this.#letters.get(msg_id)
    this.#letters.delete(msg_id)
    this.#guard()
    if (letter) this.#settle(letter)
    return letter?.item
  }

  #queue(letter) {
    letter.wait(this.#away)
    if (!this.#current) this.#next()
  }

  #begin(away) {
    this.#away = away
    for (const letter of this.#letters.values()) if (letter.state === "waiting") letter.wait(away)
    this.#next()
  }

  // The message in flight has been answered.
  #settle(letter) {
    if (letter !== this.#current) return
    this.#failures = 0
    this.#next()
  }

  #next() {
    clearTimeout(this.#timer)
    const waiting = ({ state }) => state === "waiting"
    this.#current = this.#away ? undefined : [...this.#letters.values()].find(waiting)
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
    this.#letters.delete(envelope.hd.msg_id)
    this.#guard()
    item.remove()
  }

  // What is not stored is gone with the page: have the browser ask before it leaves.
  #guard() {
    const unsent = [...this.#letters.values()].some(({ state }) => state !== "stored")
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
