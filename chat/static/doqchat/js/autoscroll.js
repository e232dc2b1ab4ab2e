// The reader's place in the conversation: at the end, where new messages scroll into view, or at a message that keeps
// its place on the screen whatever changes around it.

import { say } from "./wording.js"

const NEAR = 48 // px from the end that count as the end when the reader scrolls down

export class AutoScroll {
  #pane
  #button
  #live
  #following = true
  #top = 0
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
  }

  // Growing text moves the end away, so only scrolling up ends this; a shrinking one leaves the reader at the end.
  #look() {
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
