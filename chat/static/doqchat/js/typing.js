// Typing notifications: sent at intervals, shown until they expire.

import { nameOf } from "./names.js"
import { say } from "./wording.js"

const TOLD_EVERY = 3_000 // ms
const SHOWN_FOR = 5_000 // ms
const MOST_NAMED = 3

// The reader's own typing; `tell` sends true or false.
export class TypingSignal {
  #tell
  #told = 0

  constructor(tell) {
    this.#tell = tell
  }

  on() {
    if (Date.now() - this.#told < TOLD_EVERY) return
    this.#told = Date.now()
    this.#tell(true)
  }

  off() {
    if (this.#told) this.#tell(false)
    this.#told = 0
  }
}

// The others' typing.
export class TypingLine {
  #element
  #people = new Map() // by role and name: the name to be shown, and the timer

  constructor(element) {
    this.#element = element
  }

  // `hd`: the head of an event of who types or has stopped.
  show(hd, active) {
    const key = `${hd.role} ${hd.name ?? ""}`
    clearTimeout(this.#people.get(key)?.timer)
    this.#people.delete(key)
    if (active) this.#people.set(key, { name: nameOf(hd), timer: setTimeout(() => this.show(hd, false), SHOWN_FOR) })
    const names = [...new Set([...this.#people.values()].map(({ name }) => name))].sort()
    this.#element.textContent = sentenceOf(names)
  }
}

function sentenceOf(names) {
  if (!names.length) return ""
  if (names.length === 1) return say("typing.one", { name: names[0] })
  if (names.length > MOST_NAMED) return say("typing.many", { count: names.length })
  return say("typing.several", { names: names.join(", ") })
}
