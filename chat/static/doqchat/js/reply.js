// One answer while it grows in its item.

import { write } from "./message.js"

export class Reply {
  id = null // until the server names it
  stopping = false // whether the reader has had enough of it
  again // the timer of another try to stop it
  #attempt = 0
  #points = 0 // code points so far
  #early = [] // pieces before which another is missing

  constructor(requestId, item) {
    this.requestId = requestId
    this.item = item
  }

  // Whether it has said anything.
  get begun() {
    return this.#points > 0
  }

  // Whether a piece is missing before one that has come.
  get torn() {
    return this.#early.length > 0
  }

  // Take a piece; one that comes too early is kept until what is missing before it has come.
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
    this.#text.append(fresh.join(""))
    this.#addAgain()
  }

  // Take what a welcome says, which may have been written before some of the pieces that have come: what begins with
  // its text is kept, anything else makes way.
  catchUp({ attempt, text }) {
    if (attempt === this.#attempt && !this.#text.textContent.startsWith(text)) this.#clear()
    this.add({ attempt, offset: 0, text })
  }

  get #text() {
    return this.item.querySelector(".message__text")
  }

  #begin(attempt) {
    this.#attempt = attempt
    this.#early = []
    this.#clear()
  }

  #clear() {
    this.#points = 0
    write(this.item, "text", "")
  }

  #addAgain() {
    for (const piece of this.#early.splice(0)) this.add(piece)
  }
}
