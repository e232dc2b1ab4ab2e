// One item of the conversation, from the template that the server's own items are rendered with.

import { withdraw } from "./choices.js"
import { timeOf } from "./ids.js"
import { initialsOf, isOwn, nameOf } from "./names.js"
import { sentenceOf } from "./notices.js"
import { proseIn, writePlain } from "./prose.js"
import { nameOfMoment, nameOfTime } from "./times.js"
import { say } from "./wording.js"

const KINDS = {
  "chat.message": "said",
  "llm.request": "asked",
  "llm.streaming": "answer",
  "llm.response": "answer",
  "llm.error": "answer",
  "session.notice": "notice",
  "message.removed": "notice",
  "session.closed": "notice",
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
export function fill(item, envelope, reader) {
  const { hd, bd } = envelope
  const kind = KINDS[hd.event]
  item.className = `message message--${kind}`
  item.classList.toggle("message--failed", hd.event === "llm.error")
  item.dataset.role = hd.role
  item.dataset.name = hd.name ?? ""
  item.dataset.id = hd.id ?? ""
  item.dataset.request = (kind === "answer" && bd.request_id) || ""
  label(item, reader)
  write(item, "tag", hd.event === "llm.request" ? say("asked") : bd.model)
  if (hd.removed || kind === "notice") writePlain(textIn(item), textOf(envelope, kind))
  else prose(item).show(textOf(envelope, kind) ?? "")
  write(item, "note", noteOf(envelope, kind))
  withdraw(item)
  const again = item.querySelector(".message__again")
  again.ariaLabel = again.title = say(hd.event === "llm.error" ? "again.failed" : "again.finished")
  item.querySelector(".message__time").dateTime = (hd.id ? timeOf(hd.id) : new Date()).toISOString()
  item.querySelector(".message__until").dateTime = (kind === "notice" && bd.until) || ""
  localise(item)
  if (hd.removed) clear(item)
}

// Who says it, also when names have changed. A notice has no author.
export function label(item, reader) {
  if (item.classList.contains("message--notice")) return
  const own = isOwn(item.dataset, reader)
  const name = nameOf(item.dataset)
  item.classList.toggle("message--own", own)
  const [author, badge] = [item.querySelector(".message__author"), item.querySelector(".badge")]
  const shown = own ? say("own", { name }) : name
  if (author.textContent !== shown) author.textContent = shown // screen readers announce what is written here
  badge.textContent = initialsOf(item.dataset)
}

// A moderator has removed what the item says: its author and time remain.
export function clear(item) {
  item.classList.remove("message--failed")
  item.classList.add("message--removed")
  write(item, "tag", "")
  writePlain(textIn(item), say("removed"))
  write(item, "note", "")
  withdraw(item)
  item.querySelector(".message__remove")?.remove()
}

// Make one of the server's items the browser's: its text rendered, its times in the browser's time zone.
export function adopt(item) {
  if (!item.matches(".message--notice, .message--removed")) prose(item).show(textIn(item).textContent)
  localise(item)
}

// The text of a message, which is Markdown.
export function prose(item) {
  return proseIn(textIn(item), item.dataset.role !== "llm")
}

function textIn(item) {
  return item.querySelector(".message__text")
}

function localise(item) {
  const time = item.querySelector(".message__time")
  time.textContent = nameOfTime(new Date(time.dateTime))
  const until = item.querySelector(".message__until")
  const end = new Date(until.dateTime)
  until.textContent = isNaN(end) ? "" : say("until", { time: nameOfMoment(end) })
}

export function write(item, part, text) {
  item.querySelector(`.message__${part}`).textContent = text ?? ""
}

function textOf({ hd, bd }, kind) {
  if (kind === "notice") return sentenceOf({ hd, bd })
  return hd.event === "llm.request" ? bd.prompt : bd.text
}

function noteOf({ hd, bd }, kind) {
  if (kind === "notice") return bd.reason && say("reason", { reason: bd.reason })
  if (hd.event === "llm.error") return say(`failures.${bd.code}`) || say("failures.failed")
  return say(`endings.${bd.finish_reason}`)
}
