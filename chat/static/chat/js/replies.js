// Answers under way: each grows in its item, piece by piece, until its response or error is stored.

import { offer } from "./choices.js"
import { isAfter } from "./ids.js"
import { write } from "./message.js"
import { say } from "./wording.js"

export class Replies {
  #timeline
  #cancel
  #sync
  #takeOver
  #replies = new Map() // by request_id: {requestId, id, item, attempt, points: code points so far, ahead, stopping}
  #ended = new Set()

  // `cancel` gets the reply_id of an answer to be stopped; `sync` asks the server for another welcome, which tells of
  // all answers under way; `takeOver` silences a model that answers without being asked.
  constructor(timeline, { cancel, sync, takeOver }) {
    this.#timeline = timeline
    this.#cancel = cancel
    this.#sync = sync
    this.#takeOver = takeOver
  }

  // The model was asked: show that an answer is on its way.
  expect(requestId) {
    const known = this.#replies.get(requestId)
    if (known) return known
    const next = this.#inLine().find((other) => isAfter(other.requestId, requestId))
    const item = this.#timeline.addGrowing({ hd: { event: "llm.streaming", role: "llm" }, bd: {} }, next?.item)
    item.classList.add("message--growing")
    const reply = { requestId, id: null, item, attempt: 0, points: 0, ahead: [], stopping: false }
    this.#replies.set(requestId, reply)
    this.#offerChoices(reply)
    this.#label()
    return reply
  }

  // What a welcome says is under way. The ends of the others follow it, unless not `all` that happened is still kept.
  resume(underWay, all) {
    const listed = new Set(underWay.map(({ request_id }) => request_id))
    if (!all) for (const requestId of this.#replies.keys()) if (!listed.has(requestId)) this.#take(requestId)?.remove()
    for (const { text, ...reply } of underWay) {
      this.#correct(reply, text)
      this.grow({ ...reply, offset: 0, text })
    }
    this.#label()
  }

  grow(piece) {
    const { reply_id, request_id, attempt, offset, text } = piece
    if (this.#ended.has(request_id)) return
    const reply = this.expect(request_id)
    if (attempt > reply.attempt) this.#begin(reply, reply_id, attempt)
    if (attempt < reply.attempt) return
    if (offset > reply.points) return this.#keep(reply, piece)
    const fresh = Array.from(text).slice(reply.points - offset)
    reply.points += fresh.length
    reply.item.querySelector(".message__text").append(fresh.join(""))
    if (fresh.length === reply.points) this.#label()
    for (const later of reply.ahead.splice(0)) this.grow(later)
  }

  // The answer to this request has ended: hand over the item that showed it.
  end(requestId) {
    this.#ended.add(requestId)
    const item = this.#take(requestId)
    this.#label()
    return item
  }

  #begin(reply, id, attempt) {
    Object.assign(reply, { id, attempt, points: 0, ahead: [] })
    write(reply.item, "text", "")
    this.#label()
    if (reply.stopping) this.#cancel(id)
  }

  // Pieces may have come since a welcome was written: what begins with its text is kept, anything else makes way.
  #correct({ request_id, attempt }, text) {
    const reply = this.#replies.get(request_id)
    if (reply?.attempt !== attempt || reply.item.querySelector(".message__text").textContent.startsWith(text)) return
    reply.points = 0
    write(reply.item, "text", "")
  }

  // A piece is missing before this one: it waits for the welcome that says what the missing one said.
  #keep(reply, piece) {
    if (!reply.ahead.length) this.#sync()
    reply.ahead.push(piece)
  }

  #offerChoices(reply) {
    const choices = [[say("stop"), () => this.#stop(reply)]]
    if (this.#timeline.isSaid(reply.requestId)) choices.push([say("takeOver"), this.#takeOver])
    offer(reply.item, choices)
  }

  // An answer that was only just asked for has no name yet; the next welcome names it.
  #stop(reply) {
    reply.stopping = true
    if (reply.id) this.#cancel(reply.id)
    else this.#sync()
  }

  // One answer at a time is given in a session, in the order of the requests.
  #label() {
    this.#inLine().forEach((reply, place) => {
      const state = reply.points ? "streaming" : place ? "inLine" : "waiting"
      reply.item.classList.toggle("message--in-line", state === "inLine")
      write(reply.item, "note", say(`answering.${state}`))
    })
  }

  #inLine() {
    return [...this.#replies.values()].sort((a, b) => (isAfter(a.requestId, b.requestId) ? 1 : -1))
  }

  #take(requestId) {
    const reply = this.#replies.get(requestId)
    this.#replies.delete(requestId)
    return reply?.item
  }
}
