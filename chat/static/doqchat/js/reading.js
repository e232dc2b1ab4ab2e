// What the reader has read, and what the others have: the unread line, read receipts, and "seen" below own messages.

import { isAfter } from "./ids.js"
import { isOwn, nameOf } from "./names.js"
import { say } from "./wording.js"

const MESSAGES = ["chat.message", "llm.request", "llm.response", "llm.error"]
const DWELL = 500 // ms that a message is visible before it has been read
const INTERVAL = 2_000 // ms between two receipts, and longer by that for each connection in the session:
const INTERVAL_A_MEMBER = 100 // each receipt goes to all
const SOON = 100 // ms in which further events are awaited before "seen" moves
const LINE_STAYS = 10_000 // ms after the last message was read
const NEAR = 24 // px below the pane that still count as visible

export class Reading {
  #pane
  #stored
  #reader
  #tell
  #unread
  #count = 0
  #read = null // the id up to which the reader has read
  #told = null // the id of the last receipt, which is repeated after a new connection
  #toldAt = 0
  #interval = INTERVAL
  #others = new Map() // by role: the id up to which it has read, and the name of who has
  #timer = null
  #line = null
  #refreshing = null

  // `tell` sends a receipt, and returns whether it was sent; null for readers who may not. `unread` gets the number of
  // messages that came while the reader was elsewhere, and the last of them.
  constructor(pane, reader, { tell, unread }) {
    this.#pane = pane
    this.#stored = pane.querySelector(".timeline__stored")
    this.#reader = reader
    this.#tell = tell
    this.#unread = unread
    pane.addEventListener("scroll", () => this.#later(), { passive: true })
    addEventListener("focus", () => this.#return())
    document.addEventListener("visibilitychange", () => this.#return())
  }

  // The receipts of a welcome, by role, and the people. The first welcome shows where the reader has stopped.
  begin(read, people) {
    const { [this.#reader]: own = null, ...others } = read
    if (own && !this.#read) this.#draw(this.#firstAfter(own))
    this.#note(own)
    this.#others.clear()
    for (const [role, id] of Object.entries(others)) {
      this.#others.set(role, { id, name: people.find((person) => person.role === role)?.name })
    }
    this.#told = own
    this.refresh()
    this.#later()
  }

  // The number of connections has changed.
  reckon(members) {
    const connections = Object.values(members).reduce((sum, count) => sum + count, 0)
    this.#interval = INTERVAL + connections * INTERVAL_A_MEMBER
  }

  // Somebody has read up to an event: another person, or the reader in another window.
  follow({ role, name }, { id }) {
    if (role !== this.#reader) {
      this.#others.set(role, { id, name })
      return this.refresh()
    }
    this.#note(id)
    const newest = this.#newest
    if (newest && !isAfter(newest.dataset.id, id)) this.#clear()
  }

  // A receipt was refused. The next one replaces it, unless the reader may send none.
  refuse({ code }) {
    if (code === "forbidden") this.#tell = null
  }

  // A stored event is in the conversation.
  add(envelope) {
    const { hd } = envelope
    if (MESSAGES.includes(hd.event) && !isOwn(hd, this.#reader) && !isAttending() && this.#isNew(hd.id)) {
      this.#count += 1
      if (!this.#line) this.#draw(this.#stored.querySelector(`[data-id="${hd.id}"]`))
      this.#unread(this.#count, envelope)
    }
    this.#refreshing ??= setTimeout(() => this.refresh(), SOON)
    this.#later()
  }

  // "Seen" below the last own message that each other role has read.
  refresh() {
    clearTimeout(this.#refreshing)
    this.#refreshing = null
    const seen = new Map() // names by item
    const own = [...this.#stored.querySelectorAll(".message--own")].reverse()
    for (const [role, { id, name }] of this.#others) {
      const item = own.find(({ dataset }) => !isAfter(dataset.id, id))
      if (item) seen.set(item, [...(seen.get(item) ?? []), nameOf({ role, name })])
    }
    for (const element of this.#stored.querySelectorAll(".message__seen")) element.remove()
    for (const [item, names] of seen) {
      const sentence = say("seen", { names: names.sort().join(", ") })
      item.querySelector(".message__foot").append(paragraph("message__seen", sentence))
    }
  }

  get #newest() {
    return this.#stored.lastElementChild
  }

  #isNew(id) {
    return !this.#read || isAfter(id, this.#read)
  }

  #return() {
    if (!isAttending()) return
    this.#clear()
    this.#later()
  }

  #clear() {
    if (this.#count) this.#unread((this.#count = 0))
  }

  #later() {
    const wait = Math.max(DWELL, this.#toldAt + this.#interval - Date.now())
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#look()
    }, wait)
  }

  #look() {
    const item = this.#newest
    if (!item || !isAttending() || !this.#isVisible(item)) return
    const { id } = item.dataset
    this.#note(id)
    if (this.#line) this.#dismiss(this.#line)
    if (!this.#tell || (this.#told && !isAfter(id, this.#told))) return
    if (!this.#tell(id)) return
    this.#told = id
    this.#toldAt = Date.now()
  }

  #dismiss(line) {
    setTimeout(() => line === this.#line && this.#draw(null), LINE_STAYS)
  }

  #isVisible(item) {
    return item.getBoundingClientRect().bottom < this.#pane.getBoundingClientRect().bottom + NEAR
  }

  #note(id) {
    if (id && this.#isNew(id)) this.#read = id
  }

  #firstAfter(id) {
    const isUnread = (item) => !item.matches(".message--own, .message--notice") && isAfter(item.dataset.id, id)
    return [...this.#stored.children].find(isUnread)
  }

  // The line above the first unread item; none without an item.
  #draw(item) {
    this.#line?.remove()
    this.#line = null
    if (!item) return
    this.#line = paragraph("message__unread", say("unread"))
    item.querySelector(".message__day").after(this.#line)
  }
}

export function isAttending() {
  return document.visibilityState === "visible" && document.hasFocus()
}

// Not announced by screen readers, although the conversation is.
function paragraph(name, text) {
  const element = document.createElement("p")
  element.className = name
  element.textContent = text
  element.setAttribute("aria-live", "off")
  return element
}
