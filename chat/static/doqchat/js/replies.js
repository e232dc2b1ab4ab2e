// Active answers: each is shown until its response or error is stored.

import { between, FIRST_WAIT, LONGEST_WAIT } from "./connection.js"
import { offer, prose, write } from "./message.js"
import { isAfter } from "./sync.js"
import { say } from "./wording.js"

// An active answer, in its item.

export class Reply {
  id = null // until the server has sent it
  stopping = false // whether the reader cancels it
  again // the timer of the next attempt to cancel it
  #attempt = 0
  #text = ""
  #points = 0 // in code points
  #early = [] // pieces before which another is missing

  constructor(requestId, item) {
    this.requestId = requestId
    this.item = item
  }

  // Whether it has text.
  get begun() {
    return this.#points > 0
  }

  // Whether a piece is missing before a received one.
  get torn() {
    return this.#early.length > 0
  }

  // Add a piece; one that arrives before a missing one is kept until that arrives.
  add(piece) {
    const { attempt, offset, text } = piece
    if (attempt < this.#attempt) return
    if (attempt > this.#attempt) this.#begin(attempt)
    if (offset > this.#points) {
      this.#early.push(piece)
      return
    }
    const fresh = Array.from(text).slice(this.#points - offset)
    this.#points += fresh.length
    this.#text += fresh.join("")
    prose(this.item).grow(this.#text)
    this.#addAgain()
  }

  // Apply the state in a welcome, which may be older than received pieces: text that begins with its text is kept, any
  // other is replaced.
  catchUp({ attempt, text }) {
    if (attempt === this.#attempt && !this.#text.startsWith(text)) this.#clear()
    this.add({ attempt, offset: 0, text })
  }

  #begin(attempt) {
    this.#attempt = attempt
    this.#early = []
    this.#clear()
  }

  #clear() {
    this.#text = ""
    this.#points = 0
    prose(this.item).reset()
  }

  #addAgain() {
    for (const piece of this.#early.splice(0)) this.add(piece)
  }
}

// Active answers: each is shown until its response or error is stored.

export class Replies {
  #timeline
  #cancel
  #sync
  #takeOver
  #can = []
  #replies = [] // in the order of their requests
  #ended = new Set() // by reply_id
  #answered = new Set() // by request_id

  // `cancel` gets the reply_id of an answer to be stopped; `sync` requests another welcome, which lists all
  // active answers; `takeOver` stops automatic replies.
  constructor(timeline, { cancel, sync, takeOver }) {
    this.#timeline = timeline
    this.#cancel = cancel
    this.#sync = sync
    this.#takeOver = takeOver
  }

  // What the reader may do.
  allow(can) {
    this.#can = can
    for (const reply of this.#replies) this.#offerChoices(reply)
  }

  // The model was asked: show that an answer is expected, unless it has already begun.
  expect(requestId) {
    const known = this.#answered.has(requestId) || this.#replies.some((reply) => reply.requestId === requestId)
    if (!known) this.#add(requestId)
  }

  // The active replies of a welcome. The ends of the others follow, unless not `all` events are still stored.
  resume(underWay, all) {
    const said = underWay.filter(({ reply_id }) => !this.#ended.has(reply_id))
    const listed = said.map((one) => this.#named(one))
    if (!all) for (const reply of this.#replies) if (!listed.includes(reply)) this.#take(reply).remove()
    listed.forEach((reply, place) => {
      reply.catchUp(said[place])
      if (reply.torn) this.#sync()
      if (reply.stopping) this.#cancel(reply.id) // the cancel may have been lost
    })
    this.#label()
  }

  grow(piece) {
    if (this.#ended.has(piece.reply_id)) return
    const reply = this.#named(piece)
    const { begun } = reply
    reply.add(piece)
    if (reply.torn) this.#sync()
    if (reply.begun !== begun) this.#label()
  }

  // An answer has ended: return its item.
  end({ reply_id, request_id }) {
    this.#ended.add(reply_id)
    this.#answered.add(request_id)
    const item = this.#take(this.#find(reply_id, request_id))
    this.#label()
    return item
  }

  // Whether the error was about a stop, which is retried while the answer is active.
  refuse({ msg_id, code }) {
    const reply = this.#replies.find(({ id }) => id === msg_id)
    if (!reply?.stopping) return false
    clearTimeout(reply.again)
    reply.stopping = code === "unavailable"
    if (reply.stopping) reply.again = setTimeout(() => this.#stop(reply), between(FIRST_WAIT, LONGEST_WAIT))
    this.#label()
    return reply.stopping
  }

  // Until the server has sent its id, an answer is identified by its request.
  #find(id, requestId) {
    return this.#replies.find((reply) => (reply.id ? reply.id === id : reply.requestId === requestId))
  }

  #named({ reply_id, request_id }) {
    const reply = this.#find(reply_id, request_id) ?? this.#add(request_id)
    reply.id = reply_id
    return reply
  }

  #add(requestId) {
    const place = this.#replies.filter((other) => !isAfter(other.requestId, requestId)).length
    const envelope = { hd: { event: "llm.streaming", role: "llm" }, bd: {} }
    const reply = new Reply(requestId, this.#timeline.addGrowing(envelope, this.#replies[place]?.item))
    reply.item.classList.add("message--growing")
    this.#replies.splice(place, 0, reply)
    this.#offerChoices(reply)
    this.#label()
    return reply
  }

  #take(reply) {
    this.#replies = this.#replies.filter((other) => other !== reply)
    return reply?.item
  }

  #offerChoices(reply) {
    const takesOver = this.#can.includes("send") || this.#can.includes("configure")
    const choices = []
    if (this.#can.includes("cancel")) choices.push([say("stop"), () => this.#stop(reply)])
    if (takesOver && this.#timeline.isSaid(reply.requestId)) choices.push([say("takeOver"), this.#takeOver])
    offer(reply.item, choices)
  }

  // The id of an answer that was just requested is not known yet; the next welcome has it.
  #stop(reply) {
    if (!this.#replies.includes(reply)) return
    reply.stopping = true
    this.#label()
    if (reply.id) this.#cancel(reply.id)
    else this.#sync()
  }

  // One answer of a session runs at a time.
  #label() {
    const given = this.#replies.find((reply) => reply.begun) ?? this.#replies[0]
    for (const reply of this.#replies) {
      const state = reply.begun ? "streaming" : reply === given ? "waiting" : "inLine"
      reply.item.classList.toggle("message--in-line", state === "inLine")
      write(reply.item, "note", say(`answering.${reply.stopping ? "stopping" : state}`))
    }
  }
}
