// The participants: their names, their presence, and who is typing.

import { say } from "./wording.js"

// The names of people and of the assistant, and their initials.
//
// A name is that of the message (`hd.name`), or else that of the session's settings for the role, or else the role's.

const KEPT = "doqchat.names" // in this browser: the reader's own names, the last one first
const MOST_OWN = 10
const LONGEST = 40 // code points
const REFUSED = /[[\]@\p{Cc}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/u // as DisplayName in doqchat/protocol/names.py
const HANGUL = /^\p{Script=Hangul}+$/u
const CASED = /^(\p{Lu}|\p{Ll}|\p{Lt})/u

const segmenter = globalThis.Intl?.Segmenter && new Intl.Segmenter(undefined, { granularity: "grapheme" })
const persons = new Map() // by role: the pseudonyms that have been seen
let session = {}
let own = []
let ownPerson = null
let renumber = () => {}

// `settings`: those of the session, or some of them.
export function follow(settings) {
  const named = { A: settings.name_a, B: settings.name_b, llm: settings.name_llm }
  for (const [role, name] of Object.entries(named)) if (name !== undefined) session[role] = name
}

// The reader's name: of the credential or, with open access, of this browser.
export function setOwn(name) {
  own = [name, ...own.filter((other) => other !== name)].filter(Boolean).slice(0, MOST_OWN)
}

// The reader's pseudonym in this session, if the credential has one.
export function setOwnPerson(person) {
  ownPerson = person
}

// `call`: when it turns out that a role has several people.
export function onSeveral(call) {
  renumber = call
}

// The head of an event, or a person who is present.
export function meet({ role, person }) {
  if (!person) return
  const known = persons.get(role) ?? new Set()
  if (known.has(person)) return
  persons.set(role, known.add(person))
  if (known.size > 1) renumber()
}

// With open access the reader's names are kept in this browser, so that earlier messages remain the reader's own.
export function recallOwn() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}")
    own = kept.names.filter((name) => !problemOf(name))
    return kept.current ? own[0] ?? "" : ""
  } catch {
    return ""
  }
}

export function keepOwn(name) {
  setOwn(name)
  try {
    localStorage.setItem(KEPT, JSON.stringify({ current: Boolean(name), names: own }))
  } catch {} // the name lasts as long as the page
}

// Whether the server would refuse the name.
export function problemOf(name) {
  return typeof name !== "string" || [...name].length > LONGEST || REFUSED.test(name)
}

// Whether the head of an event is the reader's, who has this role. Others may have the same role, and another pseudonym or
// name.
export function isOwn({ role, name, person }, reader) {
  if (role !== reader) return false
  return person && ownPerson ? person === ownPerson : !name || own.includes(name)
}

export function nameOf(head) {
  const name = given(head) || say(`names.${head.role}`) || head.role
  const number = numberOf(head)
  return number ? `${name} #${number}` : name
}

// What distinguishes a nameless person from others of the role: two digits, the same on every page, or as many as it takes.
function numberOf({ role, name, person }) {
  if (name || !person || !(persons.get(role)?.size > 1)) return ""
  const digits = digitsOf(person)
  const others = [...persons.get(role)].filter((other) => other !== person).map(digitsOf)
  let length = 2
  while (length < digits.length && others.some((other) => other.startsWith(digits.slice(0, length)))) length += 1
  return digits.slice(0, length)
}

function digitsOf(person) {
  return String(1e8 + (parseInt(person.slice(0, 12), 16) % 9e8))
}

// Up to two characters, one for the assistant; empty where there is no name but the role.
export function initialsOf(head) {
  const number = numberOf(head)
  if (number) return number
  const words = given(head).trim().split(/\s+/u)
  const name = words.join("")
  const first = graphemes(words[0])[0] ?? ""
  if (head.role === "llm") return first.toUpperCase() // its badge has less room
  if (HANGUL.test(name)) return hangul(graphemes(words.at(-1)))
  const last = words.length > 1 ? graphemes(words.at(-1))[0] : ""
  return CASED.test(first) ? (first + (CASED.test(last) ? last : "")).toUpperCase() : first
}

function given({ role, name }) {
  return (typeof name === "string" && name) || session[role] || ""
}

// 김민지 and 민지 are 민지; of a longer nickname the first syllable is enough.
function hangul(syllables) {
  return syllables.length > 4 ? syllables[0] : syllables.slice(-2).join("")
}

function graphemes(word) {
  return segmenter ? Array.from(segmenter.segment(word), ({ segment }) => segment) : [...word]
}

// One for all windows of a person.
export function keyOf({ role, name, person }) {
  return `${role} ${person ?? ""} ${name ?? ""}`
}

// Typing notifications: sent at intervals, shown until they expire.

const TOLD_EVERY = 3_000 // ms
const SHOWN_FOR = 5_000 // ms
const MOST_NAMED = 3

// The reader's own typing; `tell` sends true or false.
export class TypingSignal {
  #tell
  #told = 0

  constructor(tell) {
    this.#tell = tell
  }

  on() {
    if (Date.now() - this.#told < TOLD_EVERY) return
    this.#told = Date.now()
    this.#tell(true)
  }

  off() {
    if (this.#told) this.#tell(false)
    this.#told = 0
  }
}

// The others' typing.
export class TypingLine {
  #element
  #people = new Map() // by role and name: the name to be shown, and the timer

  constructor(element) {
    this.#element = element
  }

  // `hd`: the head of an event of who types or has stopped.
  show(hd, active) {
    const key = keyOf(hd)
    clearTimeout(this.#people.get(key)?.timer)
    this.#people.delete(key)
    if (active) this.#people.set(key, { name: nameOf(hd), timer: setTimeout(() => this.show(hd, false), SHOWN_FOR) })
    const names = [...new Set([...this.#people.values()].map(({ name }) => name))].sort()
    this.#element.textContent = sentenceOf(names)
  }
}

function sentenceOf(names) {
  if (!names.length) return ""
  if (names.length === 1) return say("typing.one", { name: names[0] })
  if (names.length > MOST_NAMED) return say("typing.many", { count: names.length })
  return say("typing.several", { names: names.join(", ") })
}

// The participants and their presence, and the reader's own name.

const ALWAYS = ["A", "B"] // roles that are listed without a connection too

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
    people?.forEach(meet)
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
    row.querySelector(".people__role").textContent = given(person) ? say(`names.${role}`) : ""
    row.querySelector(".people__state").textContent = this.#people ? stateOf(connections) : ""
    return row
  }

  #mark(element, people) {
    element.title = people.map(nameOf).join(", ")
    element.classList.toggle("room__person--here", people.some(({ connections }) => connections > 0))
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

  // The name that is used without one of the reader's own.
  suggest(name) {
    this.#field.placeholder = name
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
