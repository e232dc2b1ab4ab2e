// What the reader has not read yet: the unread line, receipts, the title, sounds and notifications.

import { Icon } from "./layout.js"
import { isOwn, keyOf, nameOf } from "./people.js"
import { isAfter } from "./sync.js"
import { say } from "./wording.js"

// What the reader has read, and what the others have: the unread line, read receipts, and "seen" below own messages.

const MESSAGES = ["chat.message", "llm.request", "llm.response", "llm.error"]
const DWELL = 500 // ms that a message is visible before it has been read
const INTERVAL = 2_000 // ms between two receipts, and longer by that for each connection in the session:
const INTERVAL_A_MEMBER = 100 // each receipt goes to all
const SOON = 100 // ms in which further events are awaited before "seen" moves
const LINE_STAYS = 10_000 // ms after the line was seen and the last message read
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
  #others = new Map() // by person, or by role where the person is unknown: the id up to which they have read, and the head
  #timer = null
  #line = null
  #since = null // the id after which the line is to be drawn, once the messages there are loaded
  #seen = false // whether the line was visible
  #refreshing = null

  // `tell` sends a receipt, and returns whether it was sent; null for readers who may not. `unread` gets the number of
  // messages that came while the reader was elsewhere, the last of them and its item.
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
    if (own && !this.#read) this.#since = own
    this.#note(own)
    this.#reach()
    this.#others.clear()
    for (const [role, id] of Object.entries(others)) {
      const candidates = people.filter((person) => person.role === role)
      this.#others.set(role, { id, head: candidates.length === 1 ? candidates[0] : { role } })
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
  follow(head, { id }) {
    if (!isOwn(head, this.#reader)) {
      this.#others.delete(head.role)
      this.#others.set(keyOf(head), { id, head })
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
      const item = this.#stored.querySelector(`[data-id="${hd.id}"]`)
      this.#count += 1
      if (this.#count === 1 && this.#isReadUpTo(item?.previousElementSibling)) this.#draw(item)
      this.#unread(this.#count, envelope, item)
    }
    this.#refreshing ??= setTimeout(() => this.refresh(), SOON)
    this.#later()
  }

  // "Seen" below the last own message that each other person has read.
  refresh() {
    clearTimeout(this.#refreshing)
    this.#refreshing = null
    const seen = new Map() // names by item
    const own = [...this.#stored.querySelectorAll(".message--own")].reverse()
    for (const { id, head } of this.#others.values()) {
      const item = own.find(({ dataset }) => !isAfter(dataset.id, id))
      if (item) seen.set(item, [...(seen.get(item) ?? []), nameOf(head)])
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
    this.#reach()
    if (!item || !isAttending()) return
    const { id } = item.dataset
    const visible = this.#isVisible(item)
    if (visible) this.#note(id)
    this.#seen ||= Boolean(this.#line) && this.#isInView(this.#line)
    if (this.#seen && !this.#isNew(id)) this.#dismiss(this.#line)
    if (!visible) return
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

  #isInView(line) {
    const [{ top }, pane] = [line, this.#pane].map((element) => element.getBoundingClientRect())
    return top >= pane.top && top < pane.bottom
  }

  #note(id) {
    if (id && this.#isNew(id)) this.#read = id
  }

  // Whether all up to this item has been read, so that the line belongs after it.
  #isReadUpTo(item) {
    return !this.#line || (item && !this.#isNew(item.dataset.id))
  }

  // Where the reader has stopped may be on an earlier page.
  #reach() {
    const [first] = this.#stored.children
    if (!this.#since || !first) return
    if (isAfter(first.dataset.id, this.#since) && !this.#pane.querySelector(".timeline__earlier").hidden) return
    this.#draw(this.#firstAfter(this.#since))
    this.#since = null
  }

  #firstAfter(id) {
    const isUnread = (item) => !item.matches(".message--own, .message--notice") && isAfter(item.dataset.id, id)
    return [...this.#stored.children].find(isUnread)
  }

  // The line above the first unread item; none without an item.
  #draw(item) {
    this.#line?.remove()
    this.#line = null
    this.#seen = false
    if (!item) return
    this.#line = paragraph("message__unread", say("unread"))
    item.querySelector(".message__day").after(this.#line)
  }
}

function isAttending() {
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

// Draws attention to messages that come while the reader is elsewhere: the title, the icon, a sound, and notifications
// of the browser. The last two have switches, which this browser keeps.

const LONGEST = 140 // characters of a message in a notification
const QUIET = 2_000 // ms between two sounds
const MOST_COUNTED = 99
const TONES = [[880, 0], [1174.66, 0.12]] // Hz, and s after the start
const TONE = 0.25 // s
const LOUDNESS = 0.08

export class Notifications {
  #sid
  #worker
  #offer
  #title = document.title
  #unread = 0
  #sound
  #shown
  #problem
  #icon = new Icon(document.querySelector("link[rel=icon]"))
  #context = null
  #playedAt = 0
  #last = null

  // `element` has the switches. Notifications with the same `sid` replace one another. `worker`: the URL of the service
  // worker. `offer` shows a sentence with a choice.
  constructor(element, sid, { worker, offer }) {
    this.#sid = sid
    this.#worker = worker
    this.#offer = offer
    this.#problem = element.querySelector(".panel__problem")
    this.#sound = element.querySelector("[name=sound]")
    this.#shown = element.querySelector("[name=notifications]")
    this.#sound.checked = remembered("sound") ?? true
    this.#shown.checked = remembered("notifications") === true && permission() === "granted"
    this.#sound.disabled = !globalThis.AudioContext
    this.#shown.disabled = !permission()
    this.#sound.addEventListener("change", () => this.#setSound())
    this.#shown.addEventListener("change", () => this.#setShown())
  }

  // The number of unread messages; 0 after the reader has come back.
  count(unread) {
    const missed = this.#unread > 0
    this.#unread = unread
    this.entitle(this.#title)
    this.#icon.mark(unread > 0)
    if (!unread) this.#last?.close()
    if (!unread && missed) this.#ask()
  }

  // The page has this title, and the number of unread messages before it.
  entitle(title) {
    this.#title = title
    const count = this.#unread > MOST_COUNTED ? `${MOST_COUNTED}+` : this.#unread
    document.title = count ? `(${count}) ${title}` : title
  }

  // A reader who has missed messages is asked once in this browser. The browser asks no reader of a frame.
  #ask() {
    if (permission() !== "default" || remembered("notifications") !== null || parent !== window) return
    remember("notifications", false)
    this.#offer(say("notifications.offer"), [say("notifications.accept"), () => this.#accept()])
  }

  #accept() {
    this.#shown.checked = true
    this.#setShown()
  }

  // A message has come while the reader was elsewhere; `item` is its own, if it is on the page.
  announce(envelope, item) {
    if (this.#sound.checked) this.#play()
    if (this.#shown.checked && permission() === "granted") this.#show(envelope, item)
  }

  #setSound() {
    remember("sound", this.#sound.checked)
    if (this.#sound.checked) this.#play()
  }

  // Browsers ask the reader for the permission; they may do so only because of a click.
  async #setShown() {
    const wanted = this.#shown.checked
    const allowed = wanted && (await Notification.requestPermission()) === "granted"
    this.#shown.checked = allowed
    this.#problem.textContent = wanted && !allowed ? say("notifications.blocked") : ""
    remember("notifications", allowed)
  }

  #show({ hd, bd }, item) {
    const title = nameOf(hd)
    const text = item?.querySelector(".message__text").innerText.trim() || bd.text || bd.prompt || say(`failures.${bd.code}`)
    const body = text.slice(0, LONGEST).replace(/[\ud800-\udbff]$/, "") // half of an emoji
    const options = { body, tag: `doqchat-${this.#sid}`, icon: this.#icon.address }
    try {
      this.#last = new Notification(title, options)
    } catch {
      return this.#showByWorker(title, options) // browsers on phones
    }
    this.#last.onclick = () => {
      focus()
      this.#last.close()
    }
  }

  async #showByWorker(title, options) {
    const [room] = location.href.split("#")
    try {
      await navigator.serviceWorker.register(this.#worker)
      const worker = await navigator.serviceWorker.ready
      await worker.showNotification(title, { ...options, data: { room } })
      const shown = await worker.getNotifications({ tag: options.tag })
      this.#last = { close: () => shown.forEach((notification) => notification.close()) }
    } catch {
      this.#shown.disabled = true
    }
  }

  // Browsers play no sound before the reader has touched the page.
  #play() {
    if (!navigator.userActivation?.hasBeenActive || Date.now() - this.#playedAt < QUIET) return
    this.#playedAt = Date.now()
    this.#context ??= new AudioContext()
    for (const [frequency, after] of TONES) tone(this.#context, frequency, this.#context.currentTime + after)
  }
}

function tone(context, frequency, at) {
  const oscillator = new OscillatorNode(context, { frequency })
  const gain = new GainNode(context, { gain: LOUDNESS })
  gain.gain.setValueAtTime(LOUDNESS, at)
  gain.gain.exponentialRampToValueAtTime(0.0001, at + TONE)
  oscillator.connect(gain).connect(context.destination)
  oscillator.start(at)
  oscillator.stop(at + TONE)
}

// "granted", "denied" or "default"; undefined where the browser has no notifications, as over plain HTTP.
function permission() {
  return globalThis.isSecureContext ? globalThis.Notification?.permission : undefined
}

function remembered(name) {
  try {
    return JSON.parse(localStorage.getItem(`doqchat.${name}`))
  } catch {
    return null
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(`doqchat.${name}`, JSON.stringify(value))
  } catch {} // it lasts as long as the page
}
