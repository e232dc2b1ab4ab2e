// Lets a moderator remove messages: a small button on each, which has to be pressed twice.

import { say } from "./wording.js"

const PATIENCE = 10_000 // ms, timeout of a request
const HESITATION = 5_000 // ms in which the second press has to follow
const ARMED = "message__remove--armed"

export class Removal {
  #items
  #allowed = false
  #path
  #token
  #removed
  #warn

  // `items` returns those of the stored messages. `path`: of the session's messages. `removed` gets the id of a removed
  // event, `warn` a sentence.
  constructor(items, { path, token, removed, warn }) {
    this.#items = items
    this.#path = path
    this.#token = token
    this.#removed = removed
    this.#warn = warn
  }

  // Whether the reader may remove messages.
  allow(allowed) {
    if (allowed === this.#allowed) return
    this.#allowed = allowed
    for (const item of this.#items()) {
      if (allowed) this.offer(item)
      else item.querySelector(".message__remove")?.remove()
    }
  }

  // Add the button, if the reader may use it and there is something to remove.
  offer(item) {
    if (!this.#allowed || item.matches(".message--notice, .message--removed")) return
    const button = document.createElement("button")
    button.type = "button"
    button.addEventListener("click", () => this.#press(button, item.dataset.id))
    disarm(button)
    item.querySelector(".message__tools").append(button)
  }

  #press(button, id) {
    if (button.ariaBusy) return
    if (button.classList.contains(ARMED)) this.#remove(button, id)
    else arm(button)
  }

  async #remove(button, id) {
    button.ariaBusy = "true" // and not disabled, which would lose the focus
    this.#warn("")
    try {
      const signal = AbortSignal.timeout(PATIENCE)
      const response = await fetch(`${this.#path}/${id}`, { method: "DELETE", headers: this.#token.headers, signal })
      if (!response.ok) throw new Error(`HTTP ${response.status}`)
      this.#removed(id)
    } catch {
      this.#warn(say("removal.failed"))
      button.ariaBusy = null
      disarm(button)
    }
  }
}

function arm(button) {
  button.classList.add(ARMED)
  button.removeAttribute("aria-label")
  button.textContent = say("removal.confirm")
  setTimeout(() => disarm(button), HESITATION)
}

function disarm(button) {
  button.className = "tool message__remove"
  button.ariaLabel = button.title = say("removal.offer")
  button.textContent = ""
}
