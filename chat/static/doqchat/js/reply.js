// An active answer, in its item.

import { prose } from "./message.js"

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

  // Add a piece; one beyond a gap is kept until the gap is filled.
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
