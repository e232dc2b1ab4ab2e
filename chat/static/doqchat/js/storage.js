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
