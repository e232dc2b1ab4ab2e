// The input field.

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

  // Show an error until the next input.
  warn(sentence) {
    this.#problem.textContent = sentence
  }

  // On touch screens, focus opens a keyboard that hides the conversation: there only touching the field focuses it.
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
    // Enter that ends an IME composition does not send; some browsers report it with the key code 229.
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
