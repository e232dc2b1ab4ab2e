// Whether the reader is muted, and for how long: shown above the input field.

import { fromNow } from "./times.js"
import { say } from "./wording.js"

export class Mute {
  active = false
  #text
  #spoken
  #changed
  #ticking

  // `changed` is called when a mute begins or ends.
  constructor(element, changed) {
    this.#text = element.querySelector(".composer__mute-text")
    this.#spoken = element.querySelector(".composer__mute-spoken")
    this.#changed = changed
  }

  // A notice about the reader's role.
  follow({ code, until }) {
    if (code === "muted") this.#begin(Date.parse(until) || Infinity)
    if (code === "unmuted") this.end()
  }

  // A message was refused with `muted`; `retry_after` is in seconds, undefined for no end.
  meet({ retry_after = Infinity }) {
    this.#begin(Date.now() + retry_after * 1000)
  }

  end() {
    clearInterval(this.#ticking)
    this.active = false
    this.#text.textContent = this.#spoken.textContent = ""
    this.#changed()
  }

  // `until`: in ms since 1970.
  #begin(until) {
    clearInterval(this.#ticking)
    const tick = () => (until > Date.now() ? this.#say(until) : this.end())
    this.#ticking = setInterval(tick, 1000)
    this.active = true
    tick()
    this.#spoken.textContent = this.#text.textContent
    this.#changed()
  }

  #say(until) {
    const seconds = (until - Date.now()) / 1000
    this.#text.textContent = until === Infinity ? say("muted.endless") : say("muted.timed", { when: fromNow(seconds) })
  }
}
