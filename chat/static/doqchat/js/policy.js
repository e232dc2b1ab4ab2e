// The session's policy for automatic replies: shown and changed.

import { say } from "./wording.js"

const PATIENCE = 10_000 // ms, timeout of a request

export class Policy {
  #choice
  #problem
  #address
  #token
  #tell
  #known = ""
  #closed = false
  #turn = Promise.resolve()
  #reading = null

  // `address` returns the session's; `tell` gets its settings, and what the reader may do, whenever they have been read.
  constructor(element, address, token, tell) {
    this.#choice = element.querySelector("select")
    this.#problem = element.querySelector(".policy__problem")
    this.#tell = tell
    this.#address = address
    this.#token = token
    this.#choice.addEventListener("change", () => this.set(this.#choice.value))
  }

  // If it cannot be read, the last known policy stays; the connection's state shows the problem.
  read() {
    this.#reading ??= this.#ask().catch(() => {}).finally(() => { this.#reading = null })
  }

  // The session is closed.
  close() {
    this.#closed = this.#choice.disabled = true
  }

  async set(policy) {
    const body = JSON.stringify({ policy })
    try {
      await this.#ask({ method: "PATCH", headers: { "Content-Type": "application/json", ...this.#token.headers }, body })
      this.#problem.textContent = ""
    } catch {
      this.#choice.value = this.#known
      this.#problem.textContent = say("policy.failed")
    }
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
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    const session = await response.json()
    this.#known = this.#choice.value = session.settings.policy
    this.#choice.disabled = this.#closed || !session.can.includes("configure")
    this.#tell(session)
  }
}
