// The conversation: a window of the stored events in the order of their ids, then unsent messages, then active answers.

import { adopt, clear, drawn, fill, isShown } from "./message.js"
import { isAfter } from "./sync.js"
import { nameOfDay, say } from "./wording.js"

// The reader's place in the conversation: at the end, where new messages scroll into view, or at a message that keeps
// its place on the screen whatever changes around it.

const NEAR = 48 // px from the end that count as the end when the reader scrolls down

export class AutoScroll {
  #pane
  #button
  #live
  #following = true
  #top = 0
  #size = "" // of the pane
  #anchor = null // the first visible item, the block in it, and where they are
  #count = 0 // new messages

  // `pane` scrolls. `button` goes to the end, with `goLive`, which loads it; `isLive`: whether it is loaded.
  constructor(pane, button, { isLive, goLive }) {
    this.#pane = pane
    this.#button = button
    this.#live = { is: isLive, go: goLive }
    pane.addEventListener("scroll", () => this.#look())
    button.addEventListener("click", () => this.toEnd())
    const watcher = new ResizeObserver(() => this.#settle())
    for (const element of [pane, ...pane.children]) watcher.observe(element)
    this.#follow()
  }

  // Go to the newest message.
  async toEnd() {
    if (!this.#live.is()) await this.#live.go().catch(() => {})
    if (this.#live.is()) this.#follow()
  }

  // A new message of somebody else is at the end.
  announce() {
    if (this.#following) return
    this.#count += 1
    this.#label()
  }

  // Run a change after which the reader is at the same place.
  hold(change) {
    if (!this.#following) this.#mark()
    change()
    this.#settle()
  }

  // Show an item in the middle.
  show(item) {
    this.#leave()
    item.scrollIntoView({ block: "center" })
    this.#mark()
    this.#label()
  }

  // The id of the first visible stored item; undefined at the end.
  get seen() {
    return this.#following ? undefined : this.#anchor?.item.dataset.id || undefined
  }

  // Where the reader is: null at the end.
  get place() {
    return this.seen ? { id: this.seen, offset: this.#anchor.offset } : null
  }

  // Put the item at this distance from the top.
  putAt(item, offset) {
    this.#leave()
    this.#anchor = { item, offset, block: item, within: offset }
    this.#settle()
    this.#label()
  }

  #follow() {
    this.#following = true
    this.#count = 0
    this.#settle()
    this.#label()
  }

  #leave() {
    this.#following = false
  }

  #settle() {
    const { block, item, within, offset } = this.#anchor ?? {}
    if (this.#following) this.#pane.scrollTop = this.#pane.scrollHeight
    else if (block?.isConnected) this.#pane.scrollTop += this.#offsetOf(block) - within
    else if (item?.isConnected) this.#pane.scrollTop += this.#offsetOf(item) - offset
    this.#top = this.#pane.scrollTop
    this.#size = this.#measured
  }

  get #measured() {
    return `${this.#pane.clientWidth} ${this.#pane.clientHeight}`
  }

  // Growing text moves the end away, so only scrolling up ends this; a shrinking one leaves the reader at the end.
  #look() {
    if (this.#size !== this.#measured) return this.#settle() // scrolled by the browser, as when a phone is turned
    const { scrollTop, scrollHeight, clientHeight } = this.#pane
    const below = scrollHeight - scrollTop - clientHeight
    if (Math.abs(scrollTop - this.#top) < 1 && below > 1) return // scrolled by this class
    const arrived = below <= 1 || (scrollTop > this.#top && below < NEAR)
    if (arrived && this.#live.is()) {
      this.#following = true
      this.#count = 0
    } else if (scrollTop < this.#top || !this.#live.is()) this.#leave()
    this.#top = scrollTop
    if (!this.#following) this.#mark()
    this.#label()
  }

  #mark() {
    const item = this.#firstVisible([...this.#pane.querySelectorAll(".message")])
    const block = item && (this.#firstVisible([...item.querySelector(".message__text").children]) ?? item)
    this.#anchor = item ? { item, offset: this.#offsetOf(item), block, within: this.#offsetOf(block) } : null
  }

  // The first of these elements, which follow one another, whose end is below the top of the pane.
  #firstVisible(elements) {
    const top = this.#pane.getBoundingClientRect().top
    let [low, high] = [0, elements.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (elements[middle].getBoundingClientRect().bottom > top) high = middle
      else low = middle + 1
    }
    return elements[low]
  }

  #offsetOf(element) {
    return element.getBoundingClientRect().top - this.#pane.getBoundingClientRect().top
  }

  #label() {
    this.#button.hidden = this.#following
    const count = this.#count > 99 ? "99+" : this.#count
    this.#button.querySelector(".timeline__count").textContent = count || ""
    this.#button.ariaLabel = this.#count ? say("newer.some", { count: this.#count }) : say("newer.none")
  }
}

const TOGETHER = 5 * 60_000 // ms between two messages of one person that are shown under one name
const LIMIT = 500 // stored items at once; each costs time in every frame
const SPARE = 100 // items over the limit before some are dropped

export class Timeline {
  #stored
  #unsent
  #growing
  #reader
  #offer
  #element
  #items = new Map() // stored ones by id
  #ids = [] // theirs, in order
  #removed = new Set() // ids, which another page may still bring with their text

  // `offer` gets each stored message, so that it can add a button.
  constructor(element, reader, offer) {
    this.#element = element
    this.#stored = element.querySelector(".timeline__stored")
    this.#unsent = element.querySelector(".timeline__unsent")
    this.#growing = element.querySelector(".timeline__growing")
    this.#reader = reader
    this.#offer = offer
    const log = this.#stored.parentElement
    log.ariaBusy = "true" // what the server has rendered is no news
    for (const item of this.#stored.children) {
      adopt(item)
      this.#keep(item, this.#ids.length)
    }
    log.ariaBusy = "false"
  }

  // Those of the stored events.
  get items() {
    return this.#stored.children
  }

  // Show a stored event at its place, in its existing item if there is one.
  store(envelope, item) {
    const { id } = envelope.hd
    if (!isShown(envelope) || this.#items.has(id)) return item?.remove()
    if (item) fill(item, envelope, this.#reader)
    else item = drawn(envelope, this.#reader)
    const place = this.#placeOf(id)
    const next = this.#items.get(this.#ids[place])
    this.#stored.insertBefore(item, next ?? null)
    this.#keep(item, place)
    if (next) this.#arrange(next)
  }

  // The newest stored item of the window.
  get last() {
    return this.#stored.lastElementChild
  }

  // A new item for an unstored message.
  addUnsent(envelope) {
    return this.#add(this.#unsent, envelope)
  }

  // Before another active answer, or at the end.
  addGrowing(envelope, next) {
    return this.#add(this.#growing, envelope, next)
  }

  // The item of a stored event; undefined if it is not in the window.
  item(id) {
    return this.#items.get(id)
  }

  // Whether the event with this id is here, and was said to the people rather than asked of the model.
  isSaid(id) {
    return Boolean(this.#items.get(id)?.matches(".message--said"))
  }

  // A moderator has removed the event with this id. A focus in its item moves to the next one that can be removed.
  remove(id) {
    this.#removed.add(id)
    const item = this.#items.get(id)
    if (!item) return
    const focused = item.contains(document.activeElement)
    clear(item)
    if (focused && !item.contains(document.activeElement)) this.#focusAfter(item)
  }

  // An administrator has erased all that was said before: every item that has a text loses it.
  erase() {
    for (const [id, item] of [...this.#items]) if (!item.matches(".message--notice")) this.remove(id)
  }

  #focusAfter(item) {
    const buttons = [...this.#stored.querySelectorAll(".message__remove")]
    const next = buttons.find((button) => item.compareDocumentPosition(button) & Node.DOCUMENT_POSITION_FOLLOWING)
    const target = next ?? this.#element
    target.focus()
  }

  // The ids of the first and the last item.
  get ends() {
    return [this.#ids[0], this.#ids.at(-1)]
  }

  get isFull() {
    return this.#ids.length > LIMIT + SPARE
  }

  // Drop the items over the limit, on the side that is farther from the item with this id; returns whether that is the
  // end. Without an id, the beginning is dropped.
  trim(seen) {
    const excess = this.#ids.length - LIMIT
    const atEnd = seen !== undefined && this.#placeOf(seen) < this.#ids.length / 2
    this.#drop(this.#ids.splice(atEnd ? LIMIT : 0, excess))
    return atEnd
  }

  // Drop all stored items.
  empty() {
    this.#drop(this.#ids.splice(0))
  }

  #drop(ids) {
    for (const id of ids) {
      this.#items.get(id).remove()
      this.#items.delete(id)
    }
    const first = this.#items.get(this.#ids[0])
    if (first) this.#arrange(first)
  }

  #add(list, envelope, next = null) {
    const item = drawn(envelope, this.#reader)
    list.insertBefore(item, next)
    this.#arrange(item)
    return item
  }

  // The index of the first id that comes after this one. Most events come last.
  #placeOf(id) {
    let [low, high] = [0, this.#ids.length]
    if (high && isAfter(id, this.#ids[high - 1])) return high
    while (low < high) {
      const middle = (low + high) >> 1
      if (isAfter(this.#ids[middle], id)) high = middle
      else low = middle + 1
    }
    return low
  }

  // The item has its place among the stored ones.
  #keep(item, place) {
    const { id } = item.dataset
    this.#ids.splice(place, 0, id)
    this.#element.classList.add("timeline--begun")
    this.#items.set(id, item)
    this.#arrange(item)
    if (this.#removed.has(id)) clear(item)
    this.#offer(item)
  }

  // Show the day where it changes, and the name where the speaker does.
  #arrange(item) {
    const previous = this.#before(item)
    const heading = item.querySelector(".message__day")
    heading.textContent = nameOfDay(momentOf(item))
    heading.hidden = Boolean(previous) && nameOfDay(momentOf(previous)) === heading.textContent
    item.classList.toggle("message--continues", heading.hidden && isContinued(previous, item))
  }

  #before(item) {
    return item.previousElementSibling ?? (item.parentElement === this.#stored ? null : this.#stored.lastElementChild)
  }
}

function isContinued(previous, item) {
  const bothSaid = [previous, item].every((either) => either.classList.contains("message--said"))
  const same = ["role", "name", "person"].every((key) => previous.dataset[key] === item.dataset[key])
  return bothSaid && same && momentOf(item) - momentOf(previous) < TOGETHER
}

function momentOf(item) {
  return new Date(item.querySelector(".message__time").dateTime)
}
