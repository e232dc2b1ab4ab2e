// The input field, what keys do there, and what keeps the reader from writing.

import { Draft, forget, keep, kept, watch } from "./storage.js"
import { fromNow, say } from "./wording.js"

// What keys do: the reader's choice for Enter, kept in this browser, and the shortcuts of the page.

const KEY = "enter"
const TYPING = "input, textarea, select, [contenteditable]"

export class Keyboard {
  #choice
  #changed = () => {}

  // `element` has the choice, and the button that opens the dialog `shortcuts`.
  constructor(element, shortcuts) {
    this.#choice = element.querySelector(".keyboard__enter")
    this.#choice.checked = kept(KEY)?.sends ?? !isTouchOnly()
    this.#choice.addEventListener("change", () => this.#choose())
    watch(KEY, (_, entry) => entry && this.#follow(entry.sends))
    element.querySelector(".keyboard__open").addEventListener("click", () => shortcuts.showModal())
    document.addEventListener("keydown", (event) => this.#press(event))
  }

  // Whether Enter sends a message, rather than starting a new line.
  get enterSends() {
    return this.#choice.checked
  }

  onChange(changed) {
    this.#changed = changed
  }

  #choose() {
    keep(KEY, { sends: this.#choice.checked })
    this.#changed()
  }

  #follow(sends) {
    this.#choice.checked = sends
    this.#changed()
  }

  // A control names its shortcut in `aria-keyshortcuts`; pressing the key is like pressing the control.
  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.target.closest?.(TYPING)) return
    if (document.querySelector("dialog:modal")) return
    const control = document.querySelector(`[aria-keyshortcuts="${CSS.escape(event.key)}"]:not([hidden])`)
    if (!control) return
    event.preventDefault()
    control.click()
  }
}

// A phone's keyboard has no other key for a new line.
function isTouchOnly() {
  return matchMedia("(any-pointer: coarse)").matches && !matchMedia("(any-pointer: fine)").matches
}

// Whether the reader is muted, and for how long: shown above the input field.

export class Mute {
  active = false
  #text
  #spoken
  #changed
  #ticking

  // `changed` is called when a mute begins or ends.
  constructor(element, changed) {
    this.#text = element.querySelector(".composer__mute-text")
    this.#spoken = element.querySelector(".composer__mute-spoken")
    this.#changed = changed
  }

  // A notice about the reader's role.
  follow({ code, until }) {
    if (code === "muted") this.#begin(Date.parse(until) || Infinity)
    if (code === "unmuted") this.end()
  }

  // A message was refused with `muted`; `retry_after` is in seconds, undefined for no end.
  meet({ retry_after = Infinity }) {
    this.#begin(Date.now() + retry_after * 1000)
  }

  end() {
    clearInterval(this.#ticking)
    this.active = false
    this.#text.textContent = this.#spoken.textContent = ""
    this.#changed()
  }

  // `until`: in ms since 1970.
  #begin(until) {
    clearInterval(this.#ticking)
    const tick = () => (until > Date.now() ? this.#say(until) : this.end())
    this.#ticking = setInterval(tick, 1000)
    this.active = true
    tick()
    this.#spoken.textContent = this.#text.textContent
    this.#changed()
  }

  #say(until) {
    const seconds = (until - Date.now()) / 1000
    this.#text.textContent = until === Infinity ? say("muted.endless") : say("muted.timed", { when: fromNow(seconds) })
  }
}

// The field in which messages are written, and its buttons.

const COUNT_SHOWN_FROM = 0.9 // of the limit
const AT_SIGN = /[@\uff20]/

export class Composer {
  #form
  #field
  #switch
  #limit
  #asking
  #keyboard
  #draft
  #send
  #recall
  #signal
  #switchKey
  #placeholder
  #names = ["llm"]
  #completion
  #disabled = false

  // `place`: the room and role. `limit` is in code points. `asking` says what the model will answer, `keyboard` what Enter
  // does. `send` gets the event's name and its `bd`; `recall` takes back the last message that was not sent, and returns
  // its envelope; `signal` is called while typing.
  constructor(form, { place, limit, asking, keyboard, send, recall, signal }) {
    this.#form = form
    this.#field = form.querySelector(".composer__text")
    this.#switch = form.querySelector(".composer__ask")
    this.#placeholder = this.#field.placeholder
    this.#limit = limit
    this.#asking = asking
    this.#keyboard = keyboard
    this.#send = send
    this.#recall = recall
    this.#signal = signal
    this.#draft = new Draft(place, () => this.#put(""))
    this.#switchKey = `asking:${place}`
    this.#turn(Boolean(kept(this.#switchKey)))
    this.#listen()
    this.#takeOver()
  }

  // Show an error until the next input.
  warn(sentence) {
    this.#part("problem").textContent = sentence
  }

  // On touch screens, focus opens a keyboard that hides the conversation: there only touching the field focuses it.
  focusUnlessTouched() {
    if (matchMedia("(pointer: fine)").matches) this.#field.focus()
  }

  // The session's settings say what the model answers, and who is there to be mentioned.
  follow(settings) {
    this.#asking.follow(settings)
    this.#names = [settings.name_llm, "llm", settings.name_a, settings.name_b].filter(Boolean)
    this.#completion?.know(this.#names)
    this.#show()
  }

  // `reads`: whether that is because the reader may only read.
  disable(disabled, reads) {
    this.#disabled = disabled
    this.#field.placeholder = reads ? say("reads") : this.#placeholder
    this.#show()
  }

  #listen() {
    this.#field.addEventListener("keydown", (event) => this.#press(event))
    this.#field.addEventListener("input", () => this.#change())
    this.#field.addEventListener("blur", () => this.#signal.off())
    this.#switch.addEventListener("click", () => this.#toggle())
    for (const button of this.#form.querySelectorAll("button")) {
      button.addEventListener("mousedown", (event) => event.preventDefault()) // the field keeps the focus
    }
    this.#form.addEventListener("submit", (event) => this.#submit(event))
    this.#keyboard.onChange(() => this.#hint())
    this.#hint()
  }

  // Before this script was there, a text may have been typed after the draft, and texts submitted: see early.js.
  #takeOver() {
    const typed = this.#field.value
    const draft = this.#draft.restore()
    const submitted = this.#form.early ?? []
    this.#form.early = null
    this.warn("")
    const unsendable = submitted.filter(({ text, asking }) => !this.#dispatch(text, asking)).map(({ text }) => text)
    const left = [draft, ...unsendable, typed === draft ? "" : typed].filter(Boolean).join("\n")
    if (left !== typed) this.#put(left)
    if (left !== draft) this.#draft.change(left)
    this.#show()
  }

  #press(event) {
    // Keys that belong to an IME composition. Safari ends the composition before Enter, which then has the code 229.
    if (event.isComposing || event.keyCode === 229) return
    if (this.#completion?.press(event)) return
    if (event.key === "ArrowUp" && !this.#field.value) this.#edit(event)
    if (event.key !== "Enter" || event.shiftKey || event.altKey) return
    if (event.ctrlKey || event.metaKey) this.#submit(event, true)
    else if (this.#keyboard.enterSends) this.#submit(event)
  }

  #change() {
    this.warn("")
    const text = this.#field.value
    if (text) this.#signal.on()
    else this.#signal.off()
    this.#draft.change(text)
    this.#complete(text)
    this.#show()
  }

  // `once`: ask the model this time.
  #submit(event, once = false) {
    event.preventDefault()
    this.#field.focus()
    if (!this.#dispatch(this.#field.value, once)) return
    this.#put("")
    this.#draft.change("")
    this.#signal.off()
  }

  // Returns whether the text can be sent.
  #dispatch(text, once) {
    if (!text.trim() || pointsIn(text) > this.#limit) return false
    if (once || this.#isOn || this.#asking.isRequest(text)) this.#send("llm.request", { prompt: text })
    else this.#send("chat.message", { text })
    return true
  }

  #edit(event) {
    const envelope = this.#recall()
    if (!envelope) return
    event.preventDefault()
    const text = envelope.bd.prompt ?? envelope.bd.text
    this.#put(text)
    if (envelope.hd.event === "llm.request" && !this.#asking.isRequest(text)) this.#turn(true)
    this.#change()
  }

  #put(text) {
    this.#field.value = text
    this.#completion?.close()
    this.#show()
  }

  async #complete(text) {
    if (!this.#completion && AT_SIGN.test(text)) {
      const { Completion } = await import("./completion.js")
      this.#completion ??= new Completion(this.#field, this.#part("completion"), this.#names)
    }
    this.#completion?.look()
  }

  get #isOn() {
    return this.#switch.ariaPressed === "true"
  }

  // The switch that makes every message a request to the model.
  #turn(on) {
    this.#switch.ariaPressed = String(on)
    if (on) keep(this.#switchKey, {})
    else forget(this.#switchKey)
  }

  #toggle() {
    this.#turn(!this.#isOn)
    this.#show()
  }

  #hint() {
    this.#form.classList.toggle("composer--lines", !this.#keyboard.enterSends)
    this.#field.enterKeyHint = this.#keyboard.enterSends ? "send" : "enter"
  }

  #show() {
    const text = this.#field.value
    const count = pointsIn(text)
    const isOver = count > this.#limit
    this.#field.disabled = this.#switch.disabled = this.#disabled
    this.#part("send").disabled = this.#disabled || isOver
    this.#form.classList.toggle("composer--asking", this.#isOn || (!isOver && this.#asking.isAnswered(text)))
    this.#field.ariaInvalid = isOver ? "true" : null
    this.#part("count").hidden = count < this.#limit * COUNT_SHOWN_FROM
    this.#part("count").classList.toggle("composer__count--over", isOver)
    this.#part("count").textContent = isOver
      ? say("over", { count: count - this.#limit })
      : say("count", { count, limit: this.#limit })
    this.#grow()
  }

  // Where the style sheet cannot let the field grow.
  #grow() {
    if (CSS.supports("field-sizing", "content")) return
    this.#field.style.blockSize = "auto"
    this.#field.style.blockSize = `${this.#field.scrollHeight}px`
  }

  #part(name) {
    return this.#form.querySelector(`.composer__${name}`)
  }
}

// The protocol counts code points, JavaScript UTF-16 units.
function pointsIn(text) {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0)
}
