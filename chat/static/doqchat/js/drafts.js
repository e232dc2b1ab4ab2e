// The draft of a room and role, kept in this browser.
//
// All tabs share the draft that was typed last. A tab keeps what was typed in it until it is sent, over a reload too.
// A draft that a tab only restored disappears there when another tab sends it or continues it.

import { forget, guard, keep, kept, ofTab, watch } from "./storage.js"

const PAUSE = 400 // ms after the last change until the draft is written
const MOST_CHARACTERS = 400_000

export class Draft {
  #key
  #leave
  #text = ""
  #written = "" // what this tab has last read from the shared draft, or written there
  #own = false // typed in this tab
  #timer

  // `leave` is called when the restored draft is another tab's from now on.
  constructor(place, leave) {
    this.#key = `draft:${place}`
    this.#leave = leave
    watch(this.#key, (_, entry) => this.#meet(entry?.text ?? ""))
    for (const event of ["pagehide", "visibilitychange"]) {
      addEventListener(event, () => this.#timer && this.#write(), true)
    }
  }

  restore() {
    const own = kept(this.#key, ofTab())?.text ?? ""
    this.#written = kept(this.#key)?.text ?? ""
    this.#own = Boolean(own)
    this.#text = own || this.#written
    return this.#text
  }

  // Typed or, with an empty text, sent.
  change(text) {
    this.#text = text
    this.#own = Boolean(text)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#write(), PAUSE)
    if (!text) this.#write()
  }

  #write() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#text) guard("draft", !this.#keep())
    else {
      if (kept(this.#key)?.text === this.#written) forget(this.#key)
      forget(this.#key, ofTab())
      guard("draft", false)
    }
    this.#written = this.#text
  }

  #keep() {
    const entry = { text: this.#text }
    if (this.#text.length > MOST_CHARACTERS) return false
    keep(this.#key, entry, ofTab())
    return keep(this.#key, entry)
  }

  // Another tab has written this, or emptied it.
  #meet(text) {
    if (!this.#own && this.#text && text !== this.#text) {
      this.#text = ""
      this.#leave()
    } else if (this.#own && !text) this.#write() // the other tab has sent its own: keep this one
  }
}
