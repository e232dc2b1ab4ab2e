// What this browser keeps: unsent messages and drafts of a session, and which sessions it has visited.

import { isAfter } from "./sync.js"

// What the page keeps in this browser, as JSON. Where storage is missing or full the page works without it, and the
// browser asks before a text is lost.
//
// Keys are "kind:room:…". Each entry has `at`, when it was written, in ms since 1970.

const PREFIX = "doqchat."
const LONGEST = 30 * 24 * 3_600_000 // ms that an entry is kept
const MOST = { draft: 50, unsent: 500, asking: 200 } // entries of each kind, over all rooms
const MOST_CHARACTERS = 1_000_000 // of each kind; browsers store about five million per site

const unkept = new Set()

// Returns whether it is kept.
export function keep(key, entry, storage = persistent()) {
  try {
    storage.setItem(PREFIX + key, JSON.stringify({ at: Date.now(), ...entry }))
    return true
  } catch {
    return false
  }
}

// null where there is none.
export function kept(key, storage = persistent()) {
  return parsed(storage?.getItem(PREFIX + key))
}

export function forget(key, storage = persistent()) {
  storage?.removeItem(PREFIX + key)
}

// Pairs of key and entry whose key begins so, oldest first.
export function entries(start) {
  const keys = Object.keys(persistent() ?? {}).filter((key) => key.startsWith(PREFIX + start))
  const pairs = keys.map((key) => key.slice(PREFIX.length)).map((key) => [key, kept(key)])
  return pairs.filter(([, entry]) => entry).sort(([, a], [, b]) => a.at - b.at)
}

// `changed` gets the entry, or null, when another tab has changed what is at the key.
export function watch(start, changed) {
  addEventListener("storage", ({ key, newValue }) => {
    if (key?.startsWith(PREFIX + start)) changed(key.slice(PREFIX.length), parsed(newValue))
  })
}

// The storage of this tab, or that of all tabs; undefined where it is missing.
export function ofTab() {
  try {
    return sessionStorage
  } catch {}
}

function persistent() {
  try {
    return localStorage
  } catch {}
}

// Whether something with this name would be lost with the page.
export function guard(name, isLost) {
  if (isLost) unkept.add(name)
  else unkept.delete(name)
  if (unkept.size) addEventListener("beforeunload", stay)
  else removeEventListener("beforeunload", stay)
}

function stay(event) {
  event.preventDefault()
}

function parsed(json) {
  try {
    return JSON.parse(json ?? null)
  } catch {
    return null
  }
}

// Drop what is too old or too much, the oldest first.
function sweep(kind) {
  let left = MOST[kind]
  let characters = MOST_CHARACTERS
  for (const [key, entry] of entries(`${kind}:`).reverse()) {
    characters -= JSON.stringify(entry).length
    left -= 1
    if (left < 0 || characters < 0 || Date.now() - entry.at > LONGEST) forget(key)
  }
}

Object.keys(MOST).forEach(sweep)

// The draft of a room and role, kept in this browser.
//
// All tabs share the draft that was typed last. A tab keeps what was typed in it until it is sent, over a reload too.
// A draft that a tab only restored disappears there when another tab sends it or continues it.

const PAUSE = 400 // ms after the last change until the draft is written
const MOST_DRAFT_CHARACTERS = 400_000

export class Draft {
  #key
  #leave
  #text = ""
  #written = "" // what this tab has last read from the shared draft, or written there
  #own = false // typed in this tab
  #timer

  // `leave` is called when the restored draft is another tab's from now on.
  constructor(place, leave) {
    this.#key = `draft:${place}`
    this.#leave = leave
    watch(this.#key, (_, entry) => this.#meet(entry?.text ?? ""))
    for (const event of ["pagehide", "visibilitychange"]) {
      addEventListener(event, () => this.#timer && this.#write(), true)
    }
  }

  restore() {
    const own = kept(this.#key, ofTab())?.text ?? ""
    this.#written = kept(this.#key)?.text ?? ""
    this.#own = Boolean(own)
    this.#text = own || this.#written
    return this.#text
  }

  // Typed or, with an empty text, sent.
  change(text) {
    this.#text = text
    this.#own = Boolean(text)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#write(), PAUSE)
    if (!text) this.#write()
  }

  #write() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#text) guard("draft", !this.#keep())
    else {
      if (kept(this.#key)?.text === this.#written) forget(this.#key)
      forget(this.#key, ofTab())
      guard("draft", false)
    }
    this.#written = this.#text
  }

  #keep() {
    const entry = { text: this.#text }
    if (this.#text.length > MOST_DRAFT_CHARACTERS) return false
    keep(this.#key, entry, ofTab())
    return keep(this.#key, entry)
  }

  // Another tab has written this, or emptied it.
  #meet(text) {
    if (!this.#own && this.#text && text !== this.#text) {
      this.#text = ""
      this.#leave()
    } else if (this.#own && !text) this.#write() // the other tab has sent its own: keep this one
  }
}

// The sessions that were used in this browser: their rooms keep them, the home page lists them.

const MOST_VISITS = 20
const SID = /^[\w.-]{1,64}$/
const ID = /^\d+-\d+$/

// Keep the room's session: now, and with what has been read when the reader turns away from the page or leaves it. `title` and `read` are
// functions; `read` returns the id of the last event that has arrived. Rooms in pages of other sites are not kept.
export function keepVisit({ sid, role, title, read }) {
  if (parent !== window) return
  const visits = new Visits(location.pathname.slice(0, -`s/${sid}/`.length))
  const visit = () => ({ sid, role, title: title() || sid, read: read() ?? "", at: Date.now() })
  const update = () => visits.has(visit()) && visits.put(visit()) // unless the reader has it forgotten meanwhile
  visits.put(visit())
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && update())
  for (const event of ["blur", "pagehide"]) addEventListener(event, update)
}

// What the local storage keeps for the site whose home page has this path; nothing where it cannot be used.
export class Visits {
  #name

  constructor(home) {
    this.#name = `doqchat.recent:${home}`
  }

  // Newest first.
  get all() {
    try {
      return JSON.parse(localStorage.getItem(this.#name) ?? "[]").filter(isVisit).slice(0, MOST_VISITS)
    } catch {
      return []
    }
  }

  has(visit) {
    return this.all.some((other) => isSame(other, visit))
  }

  put(visit) {
    const known = this.all.find((other) => isSame(other, visit))
    if (known?.read && (!visit.read || isAfter(known.read, visit.read))) visit.read = known.read
    this.#write([visit, ...this.all.filter((other) => !isSame(other, visit))].slice(0, MOST_VISITS))
  }

  remove(visit) {
    this.#write(this.all.filter((other) => !isSame(other, visit)))
  }

  clear() {
    this.#write([])
  }

  #write(visits) {
    try {
      if (visits.length) localStorage.setItem(this.#name, JSON.stringify(visits))
      else localStorage.removeItem(this.#name)
    } catch {}
  }
}

function isSame(one, other) {
  return one.sid === other.sid && one.role === other.role
}

function isVisit(kept) {
  const { sid, role, title, read, at } = kept ?? {}
  const strings = [sid, role, title, read].every((value) => typeof value === "string")
  return strings && SID.test(sid) && SID.test(role) && (!read || ID.test(read)) && Number.isFinite(at)
}
