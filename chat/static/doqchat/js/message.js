// One item of the conversation, and the notices about what has changed in the session.

import { initialsOf, isOwn, keyOf, meet, nameOf } from "./people.js"
import { proseIn, writePlain } from "./prose.js"
import { timeOf } from "./sync.js"
import { nameOfMoment, nameOfTime, say } from "./wording.js"

// Small buttons under a message: what the reader can do about it.

// `choices`: pairs of a label and what pressing it does.
export function offer(item, choices) {
  withdraw(item)
  if (choices.length === 0) return
  const line = document.createElement("p")
  line.className = "message__choices"
  line.append(...choices.map(([label, press]) => button(label, press)))
  item.querySelector(".message__foot").append(line)
}

export function withdraw(item) {
  item.querySelector(".message__choices")?.remove()
}

function button(label, press) {
  const element = document.createElement("button")
  element.type = "button"
  element.className = "button button--small"
  element.textContent = label
  element.addEventListener("click", press)
  return element
}

// One item of the conversation, from the template that the server's own items are rendered with.

const KINDS = {
  "chat.message": "said",
  "llm.request": "asked",
  "llm.streaming": "answer",
  "llm.response": "answer",
  "llm.error": "answer",
  "session.notice": "notice",
  "message.removed": "notice",
  "session.closed": "notice",
}

const template = document.getElementById("message").content.firstElementChild

export function isShown({ hd }) {
  return Object.hasOwn(KINDS, hd.event)
}

// A new item that shows the envelope to the reader with that role.
export function drawn(envelope, reader) {
  const item = template.cloneNode(true)
  fill(item, envelope, reader)
  return item
}

// Make the item show this envelope, whatever it has shown before.
export function fill(item, envelope, reader) {
  const { hd, bd } = envelope
  const kind = KINDS[hd.event]
  item.className = `message message--${kind}`
  item.classList.toggle("message--failed", hd.event === "llm.error")
  item.classList.toggle("message--silent", hd.event === "llm.response" && !bd.text && !hd.removed)
  item.dataset.role = hd.role
  item.dataset.name = hd.name ?? ""
  item.dataset.person = hd.person ?? ""
  meet(hd)
  item.dataset.id = hd.id ?? ""
  item.dataset.request = (kind === "answer" && bd.request_id) || ""
  label(item, reader)
  write(item, "tag", hd.event === "llm.request" ? say("asked") : bd.model)
  if (hd.removed || kind === "notice") writePlain(textIn(item), textOf(envelope, kind))
  else prose(item).show(textOf(envelope, kind) ?? "")
  write(item, "note", noteOf(envelope, kind))
  withdraw(item)
  const again = item.querySelector(".message__again")
  again.ariaLabel = again.title = say(hd.event === "llm.error" ? "again.failed" : "again.finished")
  item.querySelector(".message__time").dateTime = (hd.id ? timeOf(hd.id) : new Date()).toISOString()
  item.querySelector(".message__until").dateTime = (kind === "notice" && bd.until) || ""
  localise(item)
  if (hd.removed) clear(item)
}

// Who says it, also when names have changed. A notice has no author.
export function label(item, reader) {
  if (item.classList.contains("message--notice")) return
  const own = isOwn(item.dataset, reader)
  const name = nameOf(item.dataset)
  item.classList.toggle("message--own", own)
  const [author, badge] = [item.querySelector(".message__author"), item.querySelector(".badge")]
  const shown = own ? say("own", { name }) : name
  if (author.textContent !== shown) author.textContent = shown // screen readers announce what is written here
  badge.textContent = initialsOf(item.dataset)
}

// A moderator has removed what the item says: its author and time remain.
export function clear(item) {
  item.classList.remove("message--failed")
  item.classList.add("message--removed")
  write(item, "tag", "")
  writePlain(textIn(item), say("removed"))
  write(item, "note", "")
  withdraw(item)
  item.querySelector(".message__remove")?.remove()
}

// Make one of the server's items the browser's: its text rendered, its times in the browser's time zone.
export function adopt(item) {
  meet(item.dataset)
  if (!item.matches(".message--notice, .message--removed")) prose(item).show(textIn(item).textContent)
  localise(item)
}

// The text of a message, which is Markdown.
export function prose(item) {
  return proseIn(textIn(item), item.dataset.role !== "llm")
}

function textIn(item) {
  return item.querySelector(".message__text")
}

function localise(item) {
  const time = item.querySelector(".message__time")
  time.textContent = nameOfTime(new Date(time.dateTime))
  const until = item.querySelector(".message__until")
  const end = new Date(until.dateTime)
  until.textContent = isNaN(end) ? "" : say("until", { time: nameOfMoment(end) })
}

export function write(item, part, text) {
  item.querySelector(`.message__${part}`).textContent = text ?? ""
}

function textOf({ hd, bd }, kind) {
  if (kind === "notice") return sentenceOf({ hd, bd })
  return hd.event === "llm.request" ? bd.prompt : bd.text
}

function noteOf({ hd, bd }, kind) {
  if (kind === "notice") return bd.reason && say("reason", { reason: bd.reason })
  if (hd.event === "llm.error") return say(`failures.${bd.code}`) || say("failures.failed")
  return say(`endings.${bd.finish_reason}`)
}

// What has happened in the session, in the language of the page: stored notices, and changes that are shown for a while.

const DONE = { "message.removed": "removed", "session.closed": "closed" }
const MOST = 3 // changes that are shown at once
const SHOWN_FOR = 20_000 // ms
const SHOWN_WITH_CHOICE = 60_000 // ms
const RECONNECTS = 10_000 // ms: a person who is back by then has not left
const CROWD = 12 // people, from which on it is not announced who comes and goes

// Other notices have only the server's sentence.
export function sentenceOf({ hd, bd }) {
  if (bd.code === "admin") return say(hd.name ? "notice.named" : "notice.unnamed", { name: hd.name, text: bd.text })
  const by = hd.name ? say("moderators.named", { name: hd.name }) : say("moderators.unnamed")
  return say(`notices.${DONE[hd.event] ?? bd.code}`, { by, name: nameOf({ role: bd.role }) }) || bd.text
}

// Lines at the end of the conversation: changed settings, who has joined or left, and offers.
export class Changes {
  #element
  #reader
  #setPolicy
  #settings = {}
  #present = new Map() // people by key
  #leaving = new Map() // timers by key
  #undoing = null // the button that takes the last change of the policy back

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

  // Something is said after this item, the last one: the lines stay where they are, between the two.
  pass(item) {
    const lines = [...this.#element.children].filter((line) => !line.matches(":focus-within"))
    if (!item || !lines.length) return
    const place = item.querySelector(".changes") ?? document.createElement("div")
    place.className = "changes"
    place.setAttribute("aria-live", "off") // they have been announced
    item.append(place)
    place.append(...lines)
  }

  // `hd` says who has changed the settings in `changed`.
  settle(hd, changed) {
    const before = this.#settings
    this.#settings = { ...before, ...changed }
    if (changed.policy && changed.policy !== before.policy) this.#undoing?.remove()
    const undo = this.#undo(changed, before)
    for (const { key, value } of sentencesAbout(changed, before)) {
      const line = this.#add(say(key, { by: this.#by(hd), value }), undo && [say("changes.undo"), undo])
      if (undo) this.#undoing = line.querySelector("button")
    }
  }

  // A sentence with a choice for the reader: a label and what pressing it does.
  offer(sentence, choice) {
    this.#add(sentence, choice)
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
      if (![...this.#present.values()].some((other) => isRenamed(person, other))) this.#tell("left", person)
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

  // Only members with `configure` receive the instructions. Others can only switch the model off.
  #undo({ policy }, before) {
    const allowed = typeof this.#settings.system === "string" || (before.policy === "off" && this.#reader !== "observer")
    return policy && policy !== before.policy && allowed ? () => this.#setPolicy(before.policy) : null
  }

  #add(sentence, choice) {
    const line = document.createElement("p")
    line.className = "changes__line"
    line.append(sentence)
    if (choice) {
      const [label, press] = choice
      line.append(" ", button(label, () => { line.remove(); press() }))
    }
    if (this.#element.children.length === MOST) this.#element.firstElementChild.remove()
    this.#element.append(line)
    expire(line, choice ? SHOWN_WITH_CHOICE : SHOWN_FOR)
    return line
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

// Whether a person who has left may be this one, with a name.
function isRenamed(person, other) {
  if (person.role !== other.role) return false
  return person.person ? person.person === other.person : !person.name
}

// Observers read along; they are not announced.
function keyed(people) {
  const members = people.filter(({ role }) => role !== "observer")
  return new Map(members.map((person) => [keyOf(person), person]))
}

// Remove the line, unless the reader is about to press its button.
function expire(line, after) {
  setTimeout(() => (line.matches(":hover, :focus-within") ? expire(line, after) : line.remove()), after)
}
