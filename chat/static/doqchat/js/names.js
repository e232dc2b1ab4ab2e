// The names of people and of the assistant, and their initials.
//
// A name is that of the message (`hd.name`), or else that of the session's settings for the role, or else the role's.

import { say } from "./wording.js"

const KEPT = "doqchat.names" // in this browser: the reader's own names, the last one first
const MOST_OWN = 10
const LONGEST = 40 // code points
const REFUSED = /[[\]@\p{Cc}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/u // as DisplayName in doqchat/protocol/names.py
const HANGUL = /^\p{Script=Hangul}+$/u
const CASED = /^(\p{Lu}|\p{Ll}|\p{Lt})/u

const segmenter = globalThis.Intl?.Segmenter && new Intl.Segmenter(undefined, { granularity: "grapheme" })
let session = {}
let own = []

// `settings`: those of the session, or some of them.
export function follow(settings) {
  const named = { A: settings.name_a, B: settings.name_b, llm: settings.name_llm }
  for (const [role, name] of Object.entries(named)) if (name !== undefined) session[role] = name
}

// The reader's name: of the credential or, with open access, of this browser.
export function setOwn(name) {
  own = [name, ...own.filter((other) => other !== name)].filter(Boolean).slice(0, MOST_OWN)
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

// Whether the head of an event is the reader's, who has this role. Others may have the same role and another name.
export function isOwn({ role, name }, reader) {
  return role === reader && (!name || own.includes(name))
}

export function nameOf({ role, name }) {
  return given({ role, name }) || say(`names.${role}`) || role
}

// Up to two characters; empty where there is no name but the role.
export function initialsOf(head) {
  const words = given(head).trim().split(/\s+/u)
  const name = words.join("")
  if (HANGUL.test(name)) return hangul(graphemes(words.at(-1)))
  const first = graphemes(words[0])[0] ?? ""
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
