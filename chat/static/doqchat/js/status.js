// The state of the connection: a dot, and in words while something is wrong.

import { say } from "./wording.js"

const FINE = ["connecting", "connected"]

export class Status {
  #room
  #dot
  #element
  #text
  #spoken
  #ticking

  // `room` has the dot and the sentence, and tells its stylesheets the state.
  constructor(room) {
    this.#room = room
    this.#dot = room.querySelector(".room__dot")
    this.#element = room.querySelector(".status")
    this.#text = room.querySelector(".status__text")
    this.#spoken = room.querySelector(".status__spoken")
  }

  show(state, { until, code }) {
    clearInterval(this.#ticking)
    if (state === "waiting") {
      const tick = () => this.#say(navigator.onLine ? "waiting" : "offline", secondsTo(until))
      this.#ticking = setInterval(tick, 1000)
      tick()
    } else if (state === "stopped") this.#write(state, say(`connection.stopped.${code}`))
    else this.#say(state)
    this.#spoken.textContent = this.#text.textContent
  }

  #say(key, seconds) {
    this.#write(key, say(`connection.${key}`, { seconds }))
  }

  #write(state, sentence) {
    this.#room.dataset.connection = state
    this.#element.className = `status status--${state}`
    this.#element.classList.toggle("visually-hidden", FINE.includes(state))
    this.#text.textContent = this.#dot.ariaLabel = this.#dot.title = sentence
  }
}

function secondsTo(time) {
  return Math.max(1, Math.ceil((time - Date.now()) / 1000))
}
