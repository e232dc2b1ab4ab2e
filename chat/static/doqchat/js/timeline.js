// The conversation: stored events in the order of their ids, then unsent messages, then active answers.

import { isAfter } from "./ids.js"
import { adopt, clear, drawn, fill, isShown } from "./message.js"
import { nameOfDay } from "./times.js"

const TOGETHER = 5 * 60_000 // ms between two messages of one person that are shown under one name

export class Timeline {
  #stored
  #unsent
  #growing
  #reader
  #offer
  #element
  #removed = new Set() // ids, which an earlier page may still bring with their text

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
      this.#settle(item)
    }
    log.ariaBusy = "false"
  }

  // Those of the stored events.
  get items() {
    return this.#stored.children
  }

  // Show a stored event at its place, in its existing item if there is one.
  store(envelope, item) {
    const place = this.#placeOf(envelope.hd.id)
    if (!isShown(envelope) || place?.dataset.id === envelope.hd.id) return item?.remove()
    if (item) fill(item, envelope, this.#reader)
    else item = drawn(envelope, this.#reader)
    const next = place ? place.nextElementSibling : this.#stored.firstElementChild
    this.#stored.insertBefore(item, next)
    this.#settle(item)
    if (next) this.#arrange(next)
  }

  // A new item for an unstored message.
  addUnsent(envelope) {
    return this.#add(this.#unsent, envelope)
  }

  // Before another active answer, or at the end.
  addGrowing(envelope, next) {
    return this.#add(this.#growing, envelope, next)
  }

  // Whether the event with this id is here, and was said to the people rather than asked of the model.
  isSaid(id) {
    return Boolean(this.#stored.querySelector(`.message--said[data-id="${id}"]`))
  }

  // A moderator has removed the event with this id. A focus in its item moves to the next one that can be removed.
  remove(id) {
    this.#removed.add(id)
    const item = this.#stored.querySelector(`[data-id="${CSS.escape(id)}"]`)
    if (!item) return
    const focused = item.contains(document.activeElement)
    clear(item)
    if (focused && !item.contains(document.activeElement)) this.#focusAfter(item)
  }

  #focusAfter(item) {
    const buttons = [...this.#stored.querySelectorAll(".message__remove")]
    const next = buttons.find((button) => item.compareDocumentPosition(button) & Node.DOCUMENT_POSITION_FOLLOWING)
    const target = next ?? this.#element
    target.focus()
  }

  #add(list, envelope, next = null) {
    const item = drawn(envelope, this.#reader)
    list.insertBefore(item, next)
    this.#arrange(item)
    return item
  }

  // The last stored item that does not come after the id.
  #placeOf(id) {
    let item = this.#stored.lastElementChild
    while (item && isAfter(item.dataset.id, id)) item = item.previousElementSibling
    return item
  }

  // The item has its place among the stored ones.
  #settle(item) {
    this.#arrange(item)
    if (this.#removed.has(item.dataset.id)) clear(item)
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
  const same = ["role", "name"].every((key) => previous.dataset[key] === item.dataset[key])
  return bothSaid && same && momentOf(item) - momentOf(previous) < TOGETHER
}

function momentOf(item) {
  return new Date(item.querySelector(".message__time").dateTime)
}
