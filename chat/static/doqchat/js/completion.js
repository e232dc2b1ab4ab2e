// Completes mentions while they are typed: a list of names under the keys of a combobox. Loaded with the first "@".

import { fold } from "./asking.js"

// An "@" that can begin a mention, and what follows it before the caret.
const BEGUN = /(?:^|[^\p{Script=Latin}\p{N}_@\uff20/])[@\uff20]([^@\uff20\n]{0,40})$/u

export class Completion {
  #field
  #list
  #names
  #found = []
  #chosen = 0
  #start

  constructor(field, list, names) {
    this.#field = field
    this.#list = list
    this.know(names)
    field.addEventListener("blur", () => this.close())
    field.addEventListener("click", () => this.look())
    list.addEventListener("mousedown", (event) => event.preventDefault()) // the field keeps the focus
    list.addEventListener("click", ({ target }) => this.#pick(target))
  }

  // The names that can be mentioned, the likeliest first.
  know(names) {
    this.#names = [...new Map(names.map((name) => [fold(name), name])).values()]
    if (this.#field.matches(":focus")) this.look()
  }

  // Show the names that begin as what was typed.
  look() {
    const { value, selectionStart, selectionEnd } = this.#field
    const [, begun] = (selectionStart === selectionEnd && value.slice(0, selectionEnd).match(BEGUN)) || []
    if (begun === undefined) return this.close()
    const start = fold(begun)
    this.#start = selectionEnd - begun.length
    this.#found = this.#names.filter((name) => fold(name).startsWith(start))
    const isComplete = this.#found.length === 1 && fold(this.#found[0]) === start
    if (!this.#found.length || isComplete) return this.close()
    this.#draw()
  }

  // Whether the key was for the list.
  press(event) {
    if (this.#list.hidden || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return false
    const { length } = this.#found
    if (event.key === "ArrowDown") this.#choose((this.#chosen + 1) % length)
    else if (event.key === "ArrowUp") this.#choose((this.#chosen + length - 1) % length)
    else if (event.key === "Enter" || event.key === "Tab") this.#accept(this.#found[this.#chosen])
    else if (event.key === "Escape") this.close()
    else return false
    event.preventDefault()
    return true
  }

  close() {
    this.#list.hidden = true
    this.#field.removeAttribute("aria-activedescendant")
  }

  #draw() {
    this.#list.replaceChildren(...this.#found.map((name, index) => option(name, `${this.#list.id}-${index}`)))
    this.#list.hidden = false
    this.#choose(0)
  }

  #choose(index) {
    this.#chosen = index
    for (const [at, element] of [...this.#list.children].entries()) element.ariaSelected = String(at === index)
    this.#field.setAttribute("aria-activedescendant", this.#list.children[index].id)
    this.#list.children[index].scrollIntoView({ block: "nearest" })
  }

  // An IME that is still composing ends that when the field loses the focus.
  #pick(element) {
    const name = this.#found[[...this.#list.children].indexOf(element.closest("[role=option]"))]
    if (!name) return
    const start = this.#start
    this.#field.blur()
    this.#field.focus()
    this.#start = start
    this.#accept(name)
  }

  #accept(name) {
    const { value, selectionEnd } = this.#field
    const end = selectionEnd + (value[selectionEnd] === " ") // one space follows, wherever it comes from
    this.#field.setRangeText(`${name} `, this.#start, end, "end")
    this.close()
    this.#field.dispatchEvent(new Event("input", { bubbles: true }))
  }
}

function option(name, id) {
  const element = document.createElement("li")
  element.id = id
  element.role = "option"
  element.textContent = `@${name}`
  return element
}
