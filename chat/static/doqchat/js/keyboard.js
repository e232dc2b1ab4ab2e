// What keys do: the reader's choice for Enter, kept in this browser, and the shortcuts of the page.

import { keep, kept, watch } from "./storage.js"

const KEY = "enter"
const TYPING = "input, textarea, select, [contenteditable]"

export class Keyboard {
  #choice
  #changed = () => {}

  // `element` has the choice, and the button that opens the dialog `shortcuts`.
  constructor(element, shortcuts) {
    this.#choice = element.querySelector(".keyboard__enter")
    this.#choice.checked = kept(KEY)?.sends ?? !isTouchOnly()
    this.#choice.addEventListener("change", () => this.#choose())
    watch(KEY, (_, entry) => entry && this.#follow(entry.sends))
    element.querySelector(".keyboard__open").addEventListener("click", () => shortcuts.showModal())
    document.addEventListener("keydown", (event) => this.#press(event))
  }

  // Whether Enter sends a message, rather than starting a new line.
  get enterSends() {
    return this.#choice.checked
  }

  onChange(changed) {
    this.#changed = changed
  }

  #choose() {
    keep(KEY, { sends: this.#choice.checked })
    this.#changed()
  }

  #follow(sends) {
    this.#choice.checked = sends
    this.#changed()
  }

  // A control names its shortcut in `aria-keyshortcuts`; pressing the key is like pressing the control.
  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.target.closest?.(TYPING)) return
    if (document.querySelector("dialog:modal")) return
    const control = document.querySelector(`[aria-keyshortcuts="${CSS.escape(event.key)}"]:not([hidden])`)
    if (!control) return
    event.preventDefault()
    control.click()
  }
}

// A phone's keyboard has no other key for a new line.
function isTouchOnly() {
  return matchMedia("(any-pointer: coarse)").matches && !matchMedia("(any-pointer: fine)").matches
}
