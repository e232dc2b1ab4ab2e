// The state of the connection, in words.

import { say } from "./wording.js"

export class Status {
  #element
  #text
  #spoken
  #ticking

  constructor(element) {
    this.#element = element
    this.#text = element.querySelector(".status__text")
    this.#spoken = element.querySelector(".status__spoken")
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
    this.#element.className = `status status--${state}`
    this.#text.textContent = sentence
  }
}

function secondsTo(time) {
  return Math.max(1, Math.ceil((time - Date.now()) / 1000))
}
