// The field to write in.

import { say } from "./wording.js"

const COUNT_SHOWN_FROM = 0.9 // of the limit

export class Composer {
  #form
  #field
  #count
  #problem
  #limit
  #asking
  #send
  #signal

  // `send` gets the event's name and its `bd`; `signal` is called while typing; `limit` is in code points; `asking` says what
  // the model will answer.
  constructor(form, { limit, asking, send, signal }) {
    this.#form = form
    this.#field = form.querySelector(".composer__text")
    this.#count = form.querySelector(".composer__count")
    this.#problem = form.querySelector(".composer__problem")
    this.#limit = limit
    this.#asking = asking
    this.#send = send
    this.#signal = signal
    this.#field.addEventListener("keydown", (event) => this.#press(event))
    this.#field.addEventListener("input", () => this.#change())
    this.#field.addEventListener("blur", () => signal.off())
    form.querySelector(".composer__send").addEventListener("click", (event) => this.#submit(event, false))
    form.querySelector(".composer__ask").addEventListener("click", (event) => this.#submit(event, true))
    this.disable(false)
    this.#show()
  }

  // Say what went wrong, until the reader writes on.
  warn(sentence) {
    this.#problem.textContent = sentence
  }

  // Where a keyboard would come up with it and hide the conversation, the reader asks for the field by touch.
  focusUnlessTouched() {
    if (matchMedia("(pointer: fine)").matches) this.#field.focus()
  }

  // The session's settings say what the model answers.
  follow(settings) {
    this.#asking.follow(settings)
    this.#show()
  }

  disable(disabled) {
    for (const control of this.#form.elements) control.disabled = disabled
  }

  #press(event) {
    // Enter that ends the composition of a syllable is not meant to send; 229 is how some browsers mark it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return
    this.#submit(event, false)
  }

  #change() {
    this.warn("")
    if (this.#field.value) this.#signal.on()
    else this.#signal.off()
    this.#show()
  }

  #submit(event, asking) {
    event.preventDefault()
    const text = this.#field.value
    this.#field.focus()
    if (!text.trim() || pointsIn(text) > this.#limit) return
    this.#field.value = ""
    this.#signal.off()
    this.#show()
    if (asking || this.#asking.isRequest(text)) this.#send("llm.request", { prompt: text })
    else this.#send("chat.message", { text })
  }

  #show() {
    const text = this.#field.value
    const count = pointsIn(text)
    this.#form.classList.toggle("composer--asking", this.#asking.isAnswered(text))
    this.#count.hidden = count < this.#limit * COUNT_SHOWN_FROM
    this.#count.classList.toggle("composer__count--over", count > this.#limit)
    this.#count.textContent = count > this.#limit
      ? say("over", { count: count - this.#limit })
      : say("count", { count, limit: this.#limit })
    this.#field.style.blockSize = "auto"
    this.#field.style.blockSize = `${this.#field.scrollHeight}px`
  }
}

// The protocol counts code points, JavaScript UTF-16 units.
function pointsIn(text) {
  return Array.from(text).length
}
