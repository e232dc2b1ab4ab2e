// The reader's sessions on the home page: those of the browser's memberships, and those whose visits it has kept.

import { Visits } from "./storage.js"
import { nameOfMoment, say } from "./wording.js"

const FILTERED_FROM = 6 // sessions with which the list has a filter
const PATIENCE = 10_000 // ms, timeout of a request

// The list on the home page. It begins with the sessions that the server knows the browser to be a member of.
export class RecentSessions {
  #element
  #list
  #template
  #kept = new Visits(location.pathname)

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
    item.dataset.at = visit.at
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

  // The newest message first, unless the reader is about to use one of the items.
  #sort() {
    if (this.#list.matches(":hover, :focus-within")) return
    this.#list.append(...this.#items.sort((one, other) => (other.dataset.at ?? 0) - (one.dataset.at ?? 0)))
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
      this.#sort()
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
  if (news.last) {
    const moment = new Date(news.last.at)
    item.dataset.at = moment.getTime()
    part(item, "time").textContent = nameOfMoment(moment)
  }
  const unread = part(item, "unread")
  unread.hidden = !news.unread
  unread.textContent = say(news.more ? "recent.more" : "recent.new", { count: news.unread })
}

function part(item, name) {
  return item.querySelector(`.recent__${name}`)
}
