// Typing notifications: sent at intervals, shown until they expire.

import { say } from "./wording.js"

const TOLD_EVERY = 3_000 // ms
const SHOWN_FOR = 5_000 // ms

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
  #timers = new Map() // by role

  constructor(element) {
    this.#element = element
  }

  show(role, active) {
    clearTimeout(this.#timers.get(role))
    this.#timers.delete(role)
    if (active) this.#timers.set(role, setTimeout(() => this.show(role, false), SHOWN_FOR))
    const names = [...this.#timers.keys()].sort().map((name) => say(`names.${name}`))
    const key = names.length > 1 ? "typing.several" : "typing.one"
    this.#element.textContent = names.length ? say(key, { name: names[0], names: names.join(", ") }) : ""
  }
}
