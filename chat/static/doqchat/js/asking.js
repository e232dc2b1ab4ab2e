// Whether the model answers a text: by whether it mentions the assistant, and by the session's reply policy.

import { Mentions } from "./mentions.js"

export class Asking {
  #mentions
  #policy = ""

  // `rule`: see mentions.js.
  constructor(rule) {
    this.#mentions = new Mentions(rule)
  }

  // What is set for the session.
  follow({ policy, name_llm }) {
    this.#policy = policy
    this.#mentions.name(name_llm)
  }

  // Whether the text begins with a mention; the model answers that under every policy.
  isRequest(text) {
    return this.#mentions.first(text)?.leading ?? false
  }

  isAnswered(text) {
    if (this.#policy === "always") return Boolean(text.trim())
    if (this.#policy === "mention") return Boolean(this.#mentions.first(text))
    return this.isRequest(text)
  }
}
