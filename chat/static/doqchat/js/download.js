// Downloads the conversation as a file, which the browser puts together from the pages of the history.

import { drawn, isShown } from "./message.js"
import { timeOf } from "./sync.js"
import { nameOfDay, nameOfTime, say } from "./wording.js"

const PAGE = 1_000
const TYPES = { md: "text/markdown", json: "application/json" }
const KEPT = 60_000 // ms that the file stays available to the browser

export class Download {
  #element
  #cancel
  #state
  #history
  #sid
  #title
  #reader
  #running

  // `title` returns the title of the conversation; `reader`: the reader's role.
  constructor(element, { history, sid, title, reader }) {
    this.#element = element
    this.#cancel = element.querySelector(".download__cancel")
    this.#state = element.querySelector(".download__state")
    this.#history = history
    this.#sid = sid
    this.#title = title
    this.#reader = reader
    this.#cancel.addEventListener("click", () => this.#running?.abort())
  }

  // `type`: "md" or "json".
  async start(type) {
    const running = (this.#running = new AbortController())
    this.#show(true)
    try {
      const messages = await this.#read(running.signal)
      save(`${this.#sid}.${type}`, TYPES[type], type === "md" ? this.#asText(messages) : this.#asJSON(messages))
      this.#state.textContent = say("download.done", { count: messages.length })
    } catch {
      this.#state.textContent = say(running.signal.aborted ? "download.cancelled" : "download.failed")
    }
    this.#show(false)
  }

  async #read(signal) {
    const all = []
    let after = "0-0"
    while (after) {
      this.#state.textContent = say("download.loading", { count: all.length })
      const { messages, next } = await this.#history.read({ limit: PAGE, after }, signal)
      all.push(...messages)
      after = next
    }
    return all
  }

  #show(running) {
    const focused = this.#element.contains(document.activeElement)
    for (const button of this.#element.querySelectorAll("button[value]")) button.hidden = running
    this.#cancel.hidden = !running
    if (focused) this.#element.querySelector("button:not([hidden])").focus()
  }

  #asJSON(messages) {
    return JSON.stringify({ sid: this.#sid, title: this.#title(), messages }, null, 1)
  }

  // Markdown, as the people and the model wrote it.
  #asText(messages) {
    const lines = [`# ${this.#title()}`]
    let day = ""
    for (const envelope of messages.filter(isShown)) {
      const moment = timeOf(envelope.hd.id)
      if (nameOfDay(moment) !== day) lines.push(`## ${(day = nameOfDay(moment))}`)
      lines.push(...this.#paragraphs(envelope, nameOfTime(moment)))
    }
    return `${lines.join("\n\n")}\n`
  }

  #paragraphs(envelope, time) {
    const part = partsOf(drawn(envelope, this.#reader))
    const { bd, hd } = envelope
    const text = hd.removed || hd.event === "session.notice" ? part("text") : (bd.text ?? bd.prompt ?? part("text"))
    const author = [part("author"), part("tag")].filter(Boolean).join(", ")
    return [author ? `**${author}** (${time})` : `(${time})`, text, part("note") && `*${part("note")}*`].filter(Boolean)
  }
}

function partsOf(item) {
  return (name) => item.querySelector(`.message__${name}`).textContent
}

function save(name, type, content) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(new Blob([content], { type: `${type};charset=utf-8` }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT)
}
