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
