// Around the conversation: the state of the connection, the details, the invite link, the clipboard, the height above a
// keyboard, and the icon of the page.

import { say } from "./wording.js"

// The details are a column on wide screens and a dialog on narrow ones.

const WIDE = matchMedia("(min-width: 60rem)") // as in panel.css

export class Details {
  #dialog

  // `menu` opens the dialog, `close` closes it, and so do Esc and a press beside it. The browser keeps the focus inside,
  // and gives it back to the menu.
  constructor(dialog, menu, close) {
    this.#dialog = dialog
    menu.addEventListener("click", () => this.open())
    close.addEventListener("click", () => dialog.close())
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close())
    WIDE.addEventListener("change", () => dialog.close())
  }

  // On wide screens they are always open.
  open() {
    if (!WIDE.matches && !this.#dialog.open) this.#dialog.showModal()
  }
}

// Where a keyboard covers the page instead of resizing it, as on iOS, the room ends above the keyboard.
export function keepAboveKeyboard(room, viewport = visualViewport) {
  const fit = () => {
    const zoomed = viewport.scale > 1.01 // then the reader moves the visible part
    room.style.setProperty("--visible-height", zoomed ? "" : `${viewport.height}px`)
    room.style.translate = zoomed || !viewport.offsetTop ? "" : `0 ${viewport.offsetTop}px`
  }
  for (const event of ["resize", "scroll"]) viewport.addEventListener(event, fit)
}

// The state of the connection: a dot, and in words while something is wrong.

const PASSING = ["connecting", "behind"]
const SOON = 1_500 // ms in which these have usually passed: before, there is nothing to say

export class Status {
  #room
  #dot
  #element
  #text
  #spoken
  #retry
  #ticking

  // `room` has the dot and the sentence, and its stylesheets see the state. `retry` connects at once.
  constructor(room, retry) {
    this.#room = room
    this.#dot = room.querySelector(".room__dot")
    this.#element = room.querySelector(".status")
    this.#text = room.querySelector(".status__text")
    this.#spoken = room.querySelector(".status__spoken")
    this.#retry = room.querySelector(".status__retry")
    this.#retry.addEventListener("click", retry)
  }

  show(state, { until, code }) {
    clearInterval(this.#ticking)
    this.#retry.hidden = true
    if (state === "waiting") {
      const tick = () => this.#wait(secondsTo(until), code)
      this.#ticking = setInterval(tick, 1000)
      tick()
    } else if (state === "stopped") this.#write(state, say(`connection.stopped.${code}`))
    else this.#say(state === "connecting" && !navigator.onLine ? "offline" : state)
    this.#spoken.textContent = this.#text.textContent
  }

  #wait(seconds, code) {
    this.#retry.hidden = !navigator.onLine
    if (!navigator.onLine) this.#say("offline")
    else this.#write("waiting", say(`connection.delayed.${code}`, { seconds }) || say("connection.waiting", { seconds }))
  }

  #say(state) {
    this.#write(state, say(`connection.${state}`))
  }

  #write(state, sentence) {
    this.#room.dataset.connection = state
    this.#element.className = `status status--${state}`
    this.#text.textContent = this.#dot.ariaLabel = this.#dot.title = sentence
    if (PASSING.includes(state)) this.#ticking = setTimeout(() => this.#reveal(), SOON)
    else this.#reveal(state !== "connected")
  }

  #reveal(shown = true) {
    this.#element.dataset.shown = shown
  }
}

function secondsTo(time) {
  return Math.max(1, Math.ceil((time - Date.now()) / 1000))
}

// The link for the other person.

const THANKED_FOR = 2_000 // ms

export function offerInvitation(element) {
  const link = element.querySelector(".invite__link")
  const button = element.querySelector(".invite__copy")
  const label = button.textContent
  link.addEventListener("focus", () => link.select())
  button.addEventListener("click", async () => {
    await copyText(link.value)
    button.textContent = say("copied")
    setTimeout(() => { button.textContent = label }, THANKED_FOR)
  })
  offerShare(element.querySelector(".invite__share"), { title: element.dataset.title || say("share"), url: link.value })
}

// The button of an empty conversation opens the share sheet, or leads to the link in the details.
export function leadToInvitation(button, element, details) {
  const share = element.querySelector(".invite__share")
  button.addEventListener("click", () => {
    if (!share.hidden) return share.click()
    details.open()
    element.querySelector(".invite__link").focus()
  })
}

// The share sheet of phones; browsers without one have no button.
function offerShare(button, data) {
  button.hidden = !navigator.canShare?.(data)
  button.addEventListener("click", () => navigator.share(data).catch(() => {})) // it was closed without sharing
}

// Also over plain HTTP, where there is no clipboard object: from a field, which a modal dialog has to contain.
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    const focused = document.activeElement
    const field = document.createElement("textarea")
    field.value = text
    const parent = document.querySelector("dialog:modal") ?? document.body
    parent.append(field)
    field.select()
    document.execCommand("copy")
    field.remove()
    focused?.focus()
  }
}

// The icon of the page, with a dot while there are unread messages.
export class Icon {
  #link
  #drawn = null
  #marked = false

  constructor(link) {
    this.#link = link
    this.address = link.href
  }

  async mark(marked) {
    this.#marked = marked
    const drawn = marked ? await (this.#drawn ??= this.#draw()) : this.address
    if (marked === this.#marked) this.#link.href = drawn
  }

  async #draw() {
    const image = new Image(64, 64)
    image.src = this.address
    await image.decode()
    const canvas = document.createElement("canvas")
    canvas.width = canvas.height = 64
    const pen = canvas.getContext("2d")
    pen.drawImage(image, 0, 0, 64, 64)
    pen.fillStyle = "#d3261d"
    pen.beginPath()
    pen.arc(48, 16, 15, 0, 2 * Math.PI)
    pen.fill()
    return canvas.toDataURL()
  }
}
