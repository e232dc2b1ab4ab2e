// Draws attention to messages that come while the reader is elsewhere: the title, the icon, a sound, and notifications
// of the browser. The last two have switches, which this browser keeps.

import { nameOf } from "./names.js"
import { say } from "./wording.js"

const LONGEST = 140 // characters of a message in a notification
const QUIET = 2_000 // ms between two sounds
const MOST_COUNTED = 99
const TONES = [[880, 0], [1174.66, 0.12]] // Hz, and s after the start
const TONE = 0.25 // s
const LOUDNESS = 0.08

export class Notifications {
  #sid
  #sound
  #shown
  #problem
  #icon = new Icon(document.querySelector("link[rel=icon]"))
  #context = null
  #playedAt = 0
  #last = null

  // `element` has the switches. Notifications with the same `sid` replace one another.
  constructor(element, sid) {
    this.#sid = sid
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
    const title = document.title.replace(/^\(\d+\+?\) /, "")
    const count = unread > MOST_COUNTED ? `${MOST_COUNTED}+` : unread
    document.title = unread ? `(${count}) ${title}` : title
    this.#icon.mark(unread > 0)
    if (!unread) this.#last?.close()
  }

  // A message has come while the reader was elsewhere.
  announce(envelope) {
    if (this.#sound.checked) this.#play()
    if (this.#shown.checked && permission() === "granted") this.#show(envelope)
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

  #show({ hd, bd }) {
    const title = nameOf(hd)
    const body = (bd.text || bd.prompt || say(`failures.${bd.code}`)).slice(0, LONGEST)
    try {
      this.#last = new Notification(title, { body, tag: `doqchat-${this.#sid}`, icon: this.#icon.address })
    } catch {
      this.#shown.disabled = true // browsers on phones show them only from a service worker
      return
    }
    this.#last.onclick = () => {
      focus()
      this.#last.close()
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

// The icon of the page, with a dot while there are unread messages.
class Icon {
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
