// The participants and their presence, and the reader's own name.

import { initialsOf, isOwn, keepOwn, nameOf, problemOf } from "./names.js"
import { say } from "./wording.js"

const ALWAYS = ["A", "B"] // roles that are listed even if nobody is connected

export class People {
  #list
  #template
  #badges
  #reader
  #people = null // unknown without a connection

  // `badges`: the elements elsewhere that show the badge of a role.
  constructor(element, reader, badges = []) {
    this.#list = element.querySelector(".people__list")
    this.#template = this.#list.firstElementChild.cloneNode(true)
    this.#badges = [...badges]
    this.#reader = reader
    this.draw()
  }

  // `people`: objects with role, name and number of connections; observers only read.
  show(people) {
    this.#people = people
    this.draw()
  }

  forget() {
    this.show(null)
  }

  // Everything again, also because names have changed.
  draw() {
    const present = (this.#people ?? []).filter(({ role }) => role !== "observer")
    const roles = [...ALWAYS, ...(this.#reader === "user" ? ["user"] : [])]
    const absent = roles.filter((role) => !present.some((person) => person.role === role))
    const all = [...present, ...absent.map((role) => ({ role, name: null, connections: 0 }))]
    all.sort((a, b) => (a.role < b.role ? -1 : Number(a.role > b.role)))
    this.#list.replaceChildren(...all.map((person) => this.#row(person)))
    for (const badge of this.#badges) this.#mark(badge, all.filter(({ role }) => role === badge.dataset.role))
  }

  #row(person) {
    const row = this.#template.cloneNode(true)
    const { role, connections } = person
    const name = nameOf(person)
    const own = isOwn(person, this.#reader)
    row.dataset.role = role
    row.classList.toggle("people__person--here", connections > 0)
    row.querySelector(".badge").textContent = initialsOf(person)
    row.querySelector(".people__name").textContent = own ? say("own", { name }) : name
    row.querySelector(".people__role").textContent = initialsOf(person) ? say(`names.${role}`) : ""
    row.querySelector(".people__state").textContent = this.#people ? stateOf(connections) : ""
    return row
  }

  #mark(element, people) {
    element.title = people.map(nameOf).join(", ")
    element.querySelector(".badge").textContent = people.length ? initialsOf(people[0]) : ""
  }
}

// The field for the reader's own name, with open access; `changed` gets a new one.
export class OwnName {
  #field
  #problem

  constructor(element, name, changed) {
    this.#field = element.querySelector("input")
    this.#problem = element.querySelector(".panel__problem")
    this.#field.value = name
    this.#field.addEventListener("change", () => this.#take(changed))
  }

  #take(changed) {
    const name = this.#field.value.trim()
    const refused = problemOf(name)
    this.#field.ariaInvalid = refused ? "true" : null
    this.#problem.textContent = refused ? say("ownName.refused") : ""
    if (refused) return
    this.#field.value = name
    keepOwn(name)
    changed(name)
  }
}

function stateOf(connections) {
  if (!connections) return say("away")
  return connections === 1 ? say("here") : say("connections", { count: connections })
}
