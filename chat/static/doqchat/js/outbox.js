// Messages that the server has not acknowledged, in the order of writing. They outlive the page: the next page of the
// room and role sends them.
//
// One message at a time is in flight: a second one could be stored first while the store is unreachable. Each keeps its
// msg_id for as long as it lives, so that sending it again cannot store it twice, after a reload and from two tabs.

import { between, FIRST_WAIT, growing, LONGEST_WAIT } from "./connection.js"
import { copyText } from "./layout.js"
import { offer, withdraw, write } from "./message.js"
import { entries, forget, guard, keep, watch } from "./storage.js"
import { reason, say } from "./wording.js"

// A message that the server has not stored yet, its item and the note below it. This browser keeps it until it is stored
// or discarded.

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
  #ticking

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
      this.error = { ...error, until: error.retry_after && Date.now() + error.retry_after * 1000 }
      this.#keep()
    }
    this.item.classList.add("message--unsent", "message--refused")
    this.#tell(reason(error), choices)
    if (this.error.until) this.#countDown(this.error)
  }

  // Show the time that is left.
  #countDown({ until, ...error }) {
    const tick = () => {
      const left = (until - Date.now()) / 1000
      if (left <= 0) clearInterval(this.#ticking)
      write(this.item, "note", left > 0 ? reason({ ...error, retry_after: left }) : say("unsent"))
    }
    this.#ticking = setInterval(tick, 1000)
    tick()
  }

  store() {
    this.state = "stored"
    this.item.classList.remove("message--unsent")
    this.#tell("")
    this.forget()
  }

  forget() {
    clearInterval(this.#ticking)
    forget(this.#key)
    guard(this.#key, false)
  }

  #keep() {
    const { envelope, error } = this
    guard(this.#key, !keep(this.#key, { envelope, error, at: this.#at }))
  }

  #tell(note, choices = []) {
    clearInterval(this.#ticking)
    write(this.item, "note", note)
    if (choices.length) offer(this.item, choices)
    else withdraw(this.item)
  }
}

// Copy what was written; `button` was pressed.
async function copy({ text, prompt }, button) {
  await copyText(text ?? prompt)
  button.textContent = say("copied")
}

const PATIENCE = 15_000 // ms, timeout of an acknowledgement

export class Outbox {
  #timeline
  #role
  #keys
  #send
  #lose
  #hasPassed
  #pending = new Map() // by msg_id
  #current // the message that is in flight or delayed; the others wait for it
  #timer // of that timeout, or of the next attempt
  #failures = 0
  #note = "held" // below those that wait; "sending" while connected, "unsent" if no connection will follow
  #latest = 0 // when the last message was written, in ms

  // `place`: the room and role. `send` gets an envelope and returns whether it was sent; `lose` is called after a timeout
  // and has to reconnect; `hasPassed` says whether the event with an id has been received.
  constructor(timeline, role, { place, send, lose, hasPassed }) {
    this.#timeline = timeline
    this.#role = role
    this.#keys = `unsent:${place}:`
    this.#send = send
    this.#lose = lose
    this.#hasPassed = hasPassed
    for (const [, entry] of entries(this.#keys)) this.#add(entry, true)
    watch(this.#keys, (key, entry) => entry || this.#drop(key.slice(this.#keys.length)))
  }

  write(event, bd) {
    this.#latest = Math.max(Date.now(), this.#latest + 1)
    const envelope = { hd: { event, role: this.#role, msg_id: newId() }, bd }
    return this.#add({ envelope, at: this.#latest }, false).item
  }

  // Take the last message back, if it is certainly not stored: returns its envelope.
  recall() {
    const message = this.#unstored.at(-1)
    if (!message?.isUnsent) return undefined
    this.#drop(message.envelope.hd.msg_id)
    return message.envelope
  }

  // Connected: send all messages without an acknowledgement.
  flush() {
    for (const message of this.#unstored) if (message.isExpired) this.#giveUp(message, message.isUnsent)
    this.#begin("sending")
  }

  // Disconnected: show that the messages wait for the connection or, if none will follow, are not sent. A closed session
  // takes none of them any more; an open connection to it has brought what was stored.
  hold({ stopped, closed }) {
    const complete = this.#note === "sending"
    this.#begin(stopped ? "unsent" : "held")
    if (closed) for (const message of this.#unstored) this.#giveUp(message, complete || message.isUnsent)
  }

  confirm({ msg_id, id }) {
    const message = this.#pending.get(msg_id)
    if (!message) return
    message.store()
    if (this.#hasPassed(id)) this.#drop(msg_id)
    else this.#settle(message)
  }

  // Whether the error is about one of the messages.
  refuse(error) {
    const message = this.#pending.get(error.msg_id)
    if (!message) return false
    message.fail(error)
    if (message.putOff(error)) this.#nextIn(this.#waitAfter(error))
    else {
      this.#show(message, error)
      this.#settle(message)
    }
    return true
  }

  // The stored event has arrived: returns the item of its message.
  take({ msg_id, role }) {
    const message = role === this.#role ? this.#pending.get(msg_id) : undefined
    if (!message) return undefined
    this.#pending.delete(msg_id)
    message.forget()
    this.#settle(message)
    return message.item
  }

  get #unstored() {
    return [...this.#pending.values()].filter(({ state }) => state !== "stored")
  }

  #add(entry, adopted) {
    const { envelope } = entry
    const { msg_id } = envelope.hd
    const message = new PendingMessage(this.#keys + msg_id, entry, this.#timeline.addUnsent(envelope), adopted)
    this.#pending.set(msg_id, message)
    this.#show(message, entry.error)
    if (!this.#current) this.#next()
    return message
  }

  #show(message, error = message.error) {
    if (error) message.refuse(error, this.#choices(message, true))
    else message.wait(this.#note, this.#choices(message, false))
  }

  #giveUp(message, isUnsent) {
    this.#show(message, message.error ?? { code: isUnsent ? "unsent" : "uncertain" })
  }

  #choices(message, refused) {
    const { envelope } = message
    const discard = [say("discard"), () => this.#drop(envelope.hd.msg_id)]
    if (this.#note === "unsent") return [[say("copyText"), ({ target }) => copy(envelope.bd, target)], discard]
    return refused ? [[say("retry"), () => this.#retry(message)], discard] : []
  }

  #retry(message) {
    message.renew()
    this.#show(message)
    if (!this.#current) this.#next()
  }

  #begin(note) {
    this.#note = note
    for (const message of this.#unstored) this.#show(message)
    this.#next()
  }

  // The message in flight was stored, refused or dropped.
  #settle(message) {
    if (message !== this.#current) return
    this.#failures = 0
    this.#next()
  }

  #next() {
    clearTimeout(this.#timer)
    this.#current = this.#note === "sending" ? this.#unstored.find(({ state }) => state === "waiting") : undefined
    if (!this.#current) return
    this.#timer = setTimeout(this.#lose, PATIENCE)
    if (this.#send(this.#current.envelope)) this.#current.attempt()
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

  // Here or in another tab, it was stored or discarded.
  #drop(msg_id) {
    const message = this.#pending.get(msg_id)
    if (!message) return
    this.#pending.delete(msg_id)
    message.forget()
    message.item.remove()
    this.#settle(message)
  }
}

// Not crypto.randomUUID: that is missing where the page is served over plain HTTP in a local network.
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("")
}
