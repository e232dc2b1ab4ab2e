// The sessions that were used in this browser: their rooms keep them in the local storage, the home page lists them.

import { isAfter } from "./sync.js"
import { nameOfMoment, say } from "./wording.js"

const MOST = 20
const FILTERED_FROM = 6 // sessions with which the list has a filter
const PATIENCE = 10_000 // ms, timeout of a request
const SID = /^[\w.-]{1,64}$/
const ID = /^\d+-\d+$/

// Keep the room's session: now, and with what has been read when the page is hidden or left. `title` and `read` are
// functions; `read` returns the id of the last event that has arrived. Rooms in pages of other sites are not kept.
export function keepVisit({ sid, role, title, read }) {
  if (parent !== window) return
  const kept = new Kept(location.pathname.slice(0, -`s/${sid}/`.length))
  const visit = () => ({ sid, role, title: title() || sid, read: read() ?? "", at: Date.now() })
  const update = () => kept.has(visit()) && kept.put(visit()) // unless the reader has it forgotten meanwhile
  kept.put(visit())
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && update())
  addEventListener("pagehide", update)
}

// What the local storage keeps for the site whose home page has this path; nothing where it cannot be used.
class Kept {
  #name

  constructor(home) {
    this.#name = `doqchat.recent:${home}`
  }

  // Newest first.
  get all() {
    try {
      return JSON.parse(localStorage.getItem(this.#name) ?? "[]").filter(isVisit).slice(0, MOST)
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
    this.#write([visit, ...this.all.filter((other) => !isSame(other, visit))].slice(0, MOST))
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

// The list on the home page. It begins with the sessions that the server knows the browser to be a member of.
export class RecentSessions {
  #element
  #list
  #template
  #kept = new Kept(location.pathname)

  constructor(element) {
    this.#element = element
    this.#list = element.querySelector(".recent__list")
    this.#template = element.querySelector("template").content.firstElementChild
    this.#filter.addEventListener("input", () => this.#select())
    element.querySelector(".recent__forget button").addEventListener("click", () => this.#forget())
    addEventListener("pageshow", () => this.#show())
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#show())
  }

  get #filter() {
    return this.#element.querySelector(".recent__filter")
  }

  get #items() {
    return [...this.#list.children]
  }

  // The links to the rooms, by session name.
  get links() {
    return new Map(this.#items.map((item) => [item.dataset.sid, part(item, "link")]))
  }

  #show() {
    const visits = this.#kept.all
    for (const item of this.#items) if (!item.dataset.member) item.remove()
    for (const visit of visits) this.#place(visit)
    this.#element.querySelector(".recent__forget").hidden = !visits.length
    this.#arrange()
    this.#ask(visits)
  }

  // A membership's item comes first, whatever is kept about it.
  #place(visit) {
    const item = this.#items.find(({ dataset }) => dataset.member && dataset.sid === visit.sid) ?? this.#add(visit)
    part(item, "time").textContent = nameOfMoment(new Date(visit.at))
    item.dataset.read = visit.read
  }

  #add(visit) {
    const item = this.#template.cloneNode(true)
    const link = part(item, "link")
    item.dataset.sid = visit.sid
    link.dataset.role = visit.role
    link.href = `s/${visit.sid}/?role=${visit.role}`
    part(item, "title").textContent = visit.title
    part(item, "role").textContent = say("recent.role", { role: visit.role })
    const button = part(item, "remove")
    button.setAttribute("aria-label", say("recent.remove", { title: visit.title }))
    button.addEventListener("click", () => this.#remove(item, visit))
    this.#list.append(item)
    return item
  }

  #arrange() {
    const count = this.#items.length
    this.#element.hidden = !count
    this.#filter.hidden = count < FILTERED_FROM
    if (this.#filter.hidden) this.#filter.value = ""
    this.#select()
  }

  #select() {
    const wanted = this.#filter.value.trim().toLowerCase()
    for (const item of this.#items) item.hidden = !`${item.textContent} ${item.dataset.sid}`.toLowerCase().includes(wanted)
    this.#element.querySelector(".recent__none").textContent =
      this.#items.every(({ hidden }) => hidden) ? say("recent.none") : ""
  }

  #remove(item, visit) {
    const next = item.nextElementSibling ?? item.previousElementSibling
    this.#kept.remove(visit)
    item.remove()
    this.#arrange()
    this.#element.querySelector(".recent__forget").hidden = !this.#kept.all.length
    this.#focus(next)
  }

  #forget() {
    this.#kept.clear()
    this.#show()
    this.#focus(this.#list.firstElementChild)
  }

  // The focus would be lost with the button that was pressed.
  #focus(item) {
    const next = item?.querySelector("button, a") ?? document.querySelector(".home input:not([type=hidden]), .home summary, .home a")
    next?.focus()
  }

  async #ask() {
    const items = this.#items
    if (!items.length) return
    const query = new URLSearchParams(items.map((item) => ["read", positionIn(item)]))
    const problem = this.#element.querySelector(".recent__problem")
    try {
      const response = await fetch(`${this.#element.dataset.news}?${query}`, { signal: AbortSignal.timeout(PATIENCE) })
      if (!response.ok) throw new Error(`HTTP ${response.status}`)
      const { sessions } = await response.json()
      items.forEach((item, index) => tell(item, sessions[index]))
      problem.textContent = ""
    } catch {
      problem.textContent = say("recent.failed")
    }
    this.#select()
  }
}

// Where the reader has stopped, and in which role.
function positionIn(item) {
  const { sid, read = "" } = item.dataset
  return [sid, read, part(item, "link").dataset.role].join(":")
}

// What is new; null where the reader may not know.
function tell(item, news) {
  part(item, "last").textContent = news ? (news.last ? say("recent.said", news.last) : "") : say("recent.unknown")
  if (!news) return
  if (news.title) part(item, "title").textContent = news.title
  if (news.last) part(item, "time").textContent = nameOfMoment(new Date(news.last.at))
  const unread = part(item, "unread")
  unread.hidden = !news.unread
  unread.textContent = say(news.more ? "recent.more" : "recent.new", { count: news.unread })
}

function part(item, name) {
  return item.querySelector(`.recent__${name}`)
}

function isSame(one, other) {
  return one.sid === other.sid && one.role === other.role
}

function isVisit(kept) {
  const { sid, role, title, read, at } = kept ?? {}
  const strings = [sid, role, title, read].every((value) => typeof value === "string")
  return strings && SID.test(sid) && SID.test(role) && (!read || ID.test(read)) && Number.isFinite(at)
}
