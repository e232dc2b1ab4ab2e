// The small buttons of messages: copy a message or its code, ask the model again.

import { sourceIn } from "./prose.js"
import { say } from "./wording.js"

const THANKED_FOR = 2_000 // ms

export class Tools {
  #pane
  #ask
  #warn

  // One listener for all messages of the pane. `ask` gets a prompt, `warn` a sentence.
  constructor(pane, { ask, warn }) {
    this.#pane = pane
    this.#ask = ask
    this.#warn = warn
    pane.addEventListener("click", ({ target }) => this.#press(target.closest("button")))
  }

  // Whether the reader may ask the model.
  allow(allowed) {
    this.#pane.classList.toggle("timeline--asking", allowed)
  }

  #press(button) {
    if (button?.matches(".message__copy")) copy(button, sourceIn(textOf(button.closest(".message"))))
    if (button?.matches(".code__copy")) copy(button, button.closest(".code").querySelector("code").textContent)
    if (button?.matches(".message__again")) this.#askAgain(button.closest(".message").dataset.request)
  }

  // The request may be on an earlier page, or a moderator has removed it.
  #askAgain(request) {
    const item = this.#pane.querySelector(`.message[data-id="${CSS.escape(request)}"]`)
    const prompt = item && sourceIn(textOf(item))
    this.#warn(prompt ? "" : say("again.missing"))
    if (prompt) this.#ask(prompt)
  }
}

function textOf(item) {
  return item.querySelector(".message__text")
}

async function copy(button, text) {
  await write(text)
  const { ariaLabel } = button
  button.classList.add("tool--done")
  button.ariaLabel = say("copied")
  setTimeout(() => {
    button.classList.remove("tool--done")
    button.ariaLabel = ariaLabel
  }, THANKED_FOR)
}

async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  // Over plain HTTP in a local network there is no clipboard object.
  const field = document.createElement("textarea")
  field.value = text
  document.body.append(field)
  field.select()
  document.execCommand("copy")
  field.remove()
  return undefined
}
