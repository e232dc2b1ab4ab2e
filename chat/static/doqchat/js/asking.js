// Which texts the model answers.

// Finds mentions of the assistant. The rule is the server's: doqchat/replies/mention.py explains its pattern,
// and folds texts in the same way.

const SYNTAX = /[\\^$.*+?()[\]{}|/]/g
const FULL_WIDTH = /[\uff01-\uff5e]/g
const TO_ASCII = 0xfee0

export class Mentions {
  #rule
  #pattern

  // `rule`: the `pattern`, with `%s` for the names, and the `names` that are always known.
  constructor(rule) {
    this.#rule = rule
    this.name("")
  }

  // The assistant's name in this session.
  name(name) {
    const names = [...this.#rule.names, name].map((known) => fold(known).trim()).filter(Boolean)
    const alternatives = names.map((known) => known.replace(SYNTAX, "\\$&")).join("|")
    this.#pattern = new RegExp(this.#rule.pattern.replace("%s", () => alternatives), "gu")
  }

  // The first mention, and whether the text begins with it; undefined where there is none.
  first(text) {
    const match = [...`\n${fold(text)}`.matchAll(this.#pattern)].find((match) => match.at(-1))
    return match && { leading: !match.input.slice(0, match.index).trim() }
  }
}

export function fold(text) {
  const narrow = text.normalize("NFC").replace(FULL_WIDTH, (sign) => String.fromCharCode(sign.charCodeAt(0) - TO_ASCII))
  return narrow.toLowerCase().toUpperCase().normalize("NFC")
}

// Whether the model answers a text: by whether it mentions the assistant, and by the session's reply policy.

export class Asking {
  #mentions
  #policy = ""

  // `rule`: see Mentions.
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
