// The participants and their presence.

import { say } from "./wording.js"

export class People {
  #people

  constructor(element, reader) {
    this.#people = [...element.querySelectorAll(".people__person")]
    this.reader = reader
  }

  // `members`: connections by role.
  show(members) {
    for (const person of this.#people) {
      const { role } = person.dataset
      const count = members[role] ?? 0
      person.classList.toggle("people__person--here", count > 0)
      person.hidden = role === "user" && !count && this.reader !== "user"
      person.querySelector(".people__state").textContent = stateOf(count)
    }
  }

  // Unknown without a connection.
  forget() {
    for (const person of this.#people) {
      person.classList.remove("people__person--here")
      person.querySelector(".people__state").textContent = ""
    }
  }
}

function stateOf(count) {
  if (!count) return say("away")
  return count === 1 ? say("here") : say("connections", { count })
}
