// How a reader who is elsewhere is alerted: a dot on the page's icon, a sound, and notifications of the browser.

const QUIET = 2_000 // ms between two sounds
const TONES = [[880, 0], [1174.66, 0.12]] // Hz, and s after the start
const TONE = 0.25 // s
const LOUDNESS = 0.08

export class Alerts {
  #tag
  #worker
  #icon = new Icon(document.querySelector("link[rel=icon]"))
  #context = null
  #playedAt = 0
  #last = null

  // Notifications with the same `sid` replace one another. `worker`: the URL of the service worker.
  constructor(sid, worker) {
    this.#tag = `doqchat-${sid}`
    this.#worker = worker
  }

  // Whether there are unread messages; without any, the last notification is closed too.
  mark(unread) {
    this.#icon.mark(unread)
    if (!unread) this.#last?.close()
  }

  // Browsers play no sound before the reader has touched the page.
  play() {
    if (!navigator.userActivation?.hasBeenActive || Date.now() - this.#playedAt < QUIET) return
    this.#playedAt = Date.now()
    this.#context ??= new AudioContext()
    for (const [frequency, after] of TONES) tone(this.#context, frequency, this.#context.currentTime + after)
  }

  // Show a notification; returns whether the browser can.
  async show(title, body) {
    const options = { body, tag: this.#tag, icon: this.#icon.address }
    try {
      this.#last = new Notification(title, options)
    } catch {
      return this.#showByWorker(title, options) // browsers on phones
    }
    this.#last.onclick = () => {
      focus()
      this.#last.close()
    }
    return true
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
      return false
    }
    return true
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
