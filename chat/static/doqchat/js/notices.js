// What has happened in the session, in the language of the page: stored notices, and changes that are shown for a while.

import { isOwn, nameOf } from "./names.js"
import { say } from "./wording.js"

const DONE = { "message.removed": "removed", "session.closed": "closed" }
const MOST = 3 // changes that are shown at once
const SHOWN_FOR = 20_000 // ms
const SHOWN_WITH_UNDO = 60_000 // ms
const RECONNECTS = 10_000 // ms: a person who is back by then has not left
const CROWD = 12 // people, from which on it is not announced who comes and goes

// Other notices have only the server's sentence.
export function sentenceOf({ hd, bd }) {
  const by = hd.name ? say("moderators.named", { name: hd.name }) : say("moderators.unnamed")
  return say(`notices.${DONE[hd.event] ?? bd.code}`, { by, name: nameOf({ role: bd.role }) }) || bd.text
}

// Lines at the end of the conversation: changed settings, and who has joined or left.
export class Changes {
  #element
  #reader
  #setPolicy
  #settings = {}
  #present = new Map() // people by key
  #leaving = new Map() // timers by key

  // `setPolicy` gets the reply policy to which an Undo returns.
  constructor(element, reader, setPolicy) {
    this.#element = element
    this.#reader = reader
    this.#setPolicy = setPolicy
  }

  // The settings and the people of a welcome: what has changed meanwhile is not announced.
  begin(settings, people) {
    this.#settings = settings
    this.#present = keyed(people)
    for (const timer of this.#leaving.values()) clearTimeout(timer)
    this.#leaving.clear()
  }

  // `hd` says who has changed the settings in `changed`.
  settle(hd, changed) {
    const before = this.#settings
    this.#settings = { ...before, ...changed }
    for (const sentence of sentencesAbout(changed, before)) {
      this.#add(say(sentence.key, { by: this.#by(hd), value: sentence.value }), this.#undo(changed, before))
    }
  }

  follow(people) {
    const present = keyed(people)
    const announced = Math.max(present.size, this.#present.size) < CROWD
    for (const [key, person] of present) {
      if (this.#leaving.has(key)) this.#stay(key)
      else if (announced && !this.#present.has(key)) this.#tell("joined", person)
    }
    for (const [key, person] of this.#present) if (announced && !present.has(key)) this.#leave(key, person)
    this.#present = present
  }

  #leave(key, person) {
    if (this.#leaving.has(key)) return
    this.#leaving.set(key, setTimeout(() => {
      this.#leaving.delete(key)
      const renamed = !person.name && [...this.#present.values()].some(({ role }) => role === person.role)
      if (!renamed) this.#tell("left", person)
    }, RECONNECTS))
  }

  #stay(key) {
    clearTimeout(this.#leaving.get(key))
    this.#leaving.delete(key)
  }

  #tell(change, person) {
    if (!isOwn(person, this.#reader)) this.#add(say(`changes.${change}`, { by: this.#by(person) }))
  }

  #by(head) {
    if (isOwn(head, this.#reader)) return say("changes.by.own")
    return head.role === "observer" && !head.name ? say("changes.by.staff") : say("changes.by.other", { name: nameOf(head) })
  }

  // Only those who may change the settings have the instructions. To switch the model off, one needs not to be one.
  #undo({ policy }, before) {
    const allowed = typeof this.#settings.system === "string" || (before.policy === "off" && this.#reader !== "observer")
    return policy && policy !== before.policy && allowed ? () => this.#setPolicy(before.policy) : null
  }

  #add(sentence, undo) {
    const line = document.createElement("p")
    line.className = "changes__line"
    line.append(sentence)
    if (undo) line.append(" ", button(say("changes.undo"), () => { line.remove(); undo() }))
    if (this.#element.children.length === MOST) this.#element.firstElementChild.remove()
    this.#element.append(line)
    expire(line, undo ? SHOWN_WITH_UNDO : SHOWN_FOR)
  }
}

// What is said about the settings that have changed.
function sentencesAbout(changed, before) {
  const names = Object.keys(changed).filter((name) => changed[name] !== before[name])
  if (names.includes("policy")) return [{ key: `changes.policy.${changed.policy}` }]
  const told = names.filter((name) => changed[name] && say(`changes.settings.${name}`))
  if (told.length) return told.map((name) => ({ key: `changes.settings.${name}`, value: changed[name] }))
  return [{ key: "changes.settings.other" }]
}

// Observers read along; they are not announced.
function keyed(people) {
  const members = people.filter(({ role }) => role !== "observer")
  return new Map(members.map((person) => [`${person.role} ${person.name ?? ""}`, person]))
}

function button(label, press) {
  const element = document.createElement("button")
  element.type = "button"
  element.className = "button button--small"
  element.textContent = label
  element.addEventListener("click", press)
  return element
}

// Remove the line, unless the reader is about to press its button.
function expire(line, after) {
  setTimeout(() => (line.matches(":hover, :focus-within") ? expire(line, after) : line.remove()), after)
}
