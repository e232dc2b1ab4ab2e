// The session's settings: shown, changed one at a time, and updated when another person changes them.

import { say } from "./wording.js"

const PATIENCE = 10_000 // ms, timeout of a request
const SHOWN = 3_000 // ms

export class Settings {
  #controls
  #more
  #state
  #address
  #token
  #tell
  #known = null // until they have been read
  #can = []
  #closed = false
  #turn = Promise.resolve()

  // `address` returns the session's; `tell` gets its `settings`, and what the reader `can` do, whenever they are read or
  // changed.
  constructor(element, address, token, tell) {
    this.#controls = [...element.querySelectorAll("[name]")]
    this.#more = element.querySelector(".settings__more")
    this.#state = element.querySelector(".settings__state")
    this.#address = address
    this.#token = token
    this.#tell = tell
    element.addEventListener("change", ({ target }) => this.#save(target))
  }

  // The settings and the capabilities as the server has sent them.
  follow({ settings, can }) {
    const before = this.#known ?? {}
    this.#known = settings
    this.#can = can
    this.#more.hidden = !this.#mayChange
    for (const control of this.#controls) this.#fill(control, before)
    this.#tell({ settings, can })
  }

  // Another person has changed some settings; changed instructions are not among them.
  merge(changed) {
    if (this.#known) this.follow({ settings: { ...this.#known, ...changed }, can: this.#can })
    if (!this.#known || this.#mayChange) this.read()
  }

  // The session is closed.
  close() {
    this.#closed = true
    for (const control of this.#controls) control.disabled = true
  }

  // If they cannot be read, the last known ones stay; the connection's state shows the problem.
  read() {
    return this.#ask().catch(() => {})
  }

  // Change some settings without the controls; returns whether they were changed.
  async change(changes) {
    try {
      await this.#patch(changes)
      return true
    } catch {
      this.#report("policy", say("settings.failed"))
      return false
    }
  }

  get #mayChange() {
    return !this.#closed && this.#can.includes("configure")
  }

  async #save(control) {
    const { name } = control
    if (control.value === String(this.#known?.[name] ?? "")) return this.#report(name, "")
    if (!control.checkValidity()) return this.#report(name, say(`settings.invalid.${name}`))
    try {
      await this.#patch({ [name]: control.type === "number" ? control.valueAsNumber : control.value || null })
      this.#report(name, "")
      this.#confirm()
    } catch (error) {
      this.#report(name, (error.cause?.status === 400 && say(`settings.invalid.${name}`)) || say("settings.failed"))
      if (control.matches("select")) control.value = this.#known?.[name] ?? ""
    }
  }

  #patch(changes) {
    const headers = { "Content-Type": "application/json", ...this.#token.headers }
    return this.#ask({ method: "PATCH", headers, body: JSON.stringify(changes) })
  }

  // One request at a time, so that the last response is the newest.
  #ask(options) {
    const asked = this.#turn.then(() => this.#fetch(options))
    this.#turn = asked.catch(() => {})
    return asked
  }

  async #fetch(options) {
    const signal = AbortSignal.timeout(PATIENCE)
    const response = await fetch(this.#address(), { headers: this.#token.headers, ...options, signal })
    if (!response.ok) throw new Error(`HTTP ${response.status}`, { cause: response })
    this.follow(await response.json())
  }

  // What the reader is typing stays.
  #fill(control, before) {
    const value = String(this.#known[control.name] ?? "")
    control.disabled = !this.#mayChange
    const typed = control === document.activeElement && control.value !== String(before[control.name] ?? "")
    if (control.value === value || (typed && !control.matches("select"))) return
    if (control.matches("select") && ![...control.options].some((option) => option.value === value)) {
      control.add(new Option(value, value))
    }
    control.value = value
    this.#report(control.name, "")
  }

  #report(name, problem) {
    const control = this.#controls.find((each) => each.name === name)
    control.ariaInvalid = problem ? "true" : null
    document.getElementById(`${name}-problem`).textContent = problem
  }

  #confirm() {
    this.#state.textContent = say("settings.saved")
    setTimeout(() => { this.#state.textContent = "" }, SHOWN)
  }
}
