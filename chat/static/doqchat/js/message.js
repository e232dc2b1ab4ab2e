// One item of the conversation, from the template that the server's own items are rendered with.

import { withdraw } from "./choices.js"
import { timeOf } from "./ids.js"
import { nameOfTime } from "./times.js"
import { say } from "./wording.js"

const KINDS = {
  "chat.message": "said",
  "llm.request": "asked",
  "llm.streaming": "answer",
  "llm.response": "answer",
  "llm.error": "answer",
  "session.notice": "notice",
}

const template = document.getElementById("message").content.firstElementChild

export function isShown({ hd }) {
  return Object.hasOwn(KINDS, hd.event)
}

// A new item that shows the envelope to the reader with that role.
export function drawn(envelope, reader) {
  const item = template.cloneNode(true)
  fill(item, envelope, reader)
  return item
}

// Make the item show this envelope, whatever it has shown before.
export function fill(item, { hd, bd }, reader) {
  const own = hd.role === reader
  item.className = `message message--${KINDS[hd.event]}`
  item.classList.toggle("message--own", own)
  item.classList.toggle("message--failed", hd.event === "llm.error")
  item.dataset.role = hd.role
  item.dataset.id = hd.id ?? ""
  const name = say(`names.${hd.role}`) || hd.role
  write(item, "author", own ? say("own", { name }) : name)
  write(item, "tag", hd.event === "llm.request" ? say("asked") : bd.model)
  write(item, "text", hd.event === "llm.request" ? bd.prompt : bd.text)
  write(item, "note", noteOf(hd.event, bd))
  withdraw(item)
  item.querySelector("time").dateTime = (hd.id ? timeOf(hd.id) : new Date()).toISOString()
  localise(item)
}

// The time of day in the browser's time zone, instead of the server's.
export function localise(item) {
  const time = item.querySelector("time")
  time.textContent = nameOfTime(new Date(time.dateTime))
}

export function write(item, part, text) {
  item.querySelector(`.message__${part}`).textContent = text ?? ""
}

function noteOf(event, bd) {
  if (event === "llm.error") return say(`failures.${bd.code}`) || say("failures.failed")
  return say(`endings.${bd.finish_reason}`)
}
