// Answers under way: each grows in its item, piece by piece, until its response or error is stored.

import { offer } from "./choices.js"
import { write } from "./message.js"
import { say } from "./wording.js"

export class Replies {
  #timeline
  #cancel
  #refresh
  #replies = new Map() // by request_id: {item, attempt, points: code points so far, torn: whether a piece is missing}
  #ended = new Set()

  // `cancel` gets the reply_id of an answer to be stopped; `refresh` is called when a piece of one was lost.
  constructor(timeline, { cancel, refresh }) {
    this.#timeline = timeline
    this.#cancel = cancel
    this.#refresh = refresh
  }

  // The model was asked: show that an answer is on its way.
  expect(requestId) {
    const known = this.#replies.get(requestId)
    if (known) return known
    const item = this.#timeline.addGrowing({ hd: { event: "llm.streaming", role: "llm" }, bd: {} })
    item.classList.add("message--growing")
    const reply = { item, attempt: 0, points: 0, torn: false }
    this.#replies.set(requestId, reply)
    write(item, "note", say("answering.waiting"))
    return reply
  }

  // What the server says is under way is all there is; the replay brings the ends of the others.
  resume(underWay) {
    const asked = new Set(underWay.map(({ request_id }) => request_id))
    for (const requestId of this.#replies.keys()) if (!asked.has(requestId)) this.#take(requestId)?.remove()
    for (const reply of underWay) this.grow({ ...reply, offset: 0 })
  }

  grow({ reply_id, request_id, attempt, offset, text }) {
    if (this.#ended.has(request_id)) return
    const reply = this.expect(request_id)
    if (attempt > reply.attempt) this.#begin(reply, reply_id, attempt)
    if (attempt < reply.attempt) return
    if (offset > reply.points) return this.#tear(reply)
    const fresh = Array.from(text).slice(reply.points - offset)
    reply.torn = false
    reply.points += fresh.length
    reply.item.querySelector(".message__text").append(fresh.join(""))
    if (reply.points) write(reply.item, "note", say("answering.streaming"))
  }

  // The answer to this request has ended: hand over the item that showed it.
  end(requestId) {
    this.#ended.add(requestId)
    return this.#take(requestId)
  }

  #begin(reply, replyId, attempt) {
    offer(reply.item, [[say("stop"), () => this.#cancel(replyId)]])
    Object.assign(reply, { attempt, points: 0, torn: false })
    write(reply.item, "text", "")
    write(reply.item, "note", say("answering.waiting"))
  }

  #tear(reply) {
    if (!reply.torn) this.#refresh()
    reply.torn = true
  }

  #take(requestId) {
    const reply = this.#replies.get(requestId)
    this.#replies.delete(requestId)
    return reply?.item
  }
}
