// The text of a message as elements, and its source.

import { copyText } from "./layout.js"
import { blocksOf, elementsOf } from "./markdown.js"
import { say } from "./wording.js"

// What rendered Markdown gets beside its elements: safe links with a visible host, code that can be copied and is
// highlighted, maths.

const HIGHLIGHTED_UP_TO = 20_000 // characters of code
const WHILE_STREAMING = 4_000 // characters of code that is still written, highlighted at each step

const modules = {} // highlighting and maths are loaded when a message needs them first

// `streaming`: whether the text is still written.
export function enhance(elements, streaming) {
  elements.querySelectorAll("a").forEach(secure)
  elements.querySelectorAll("pre").forEach((pre) => frame(pre, streaming))
  elements.querySelectorAll("table").forEach(wrap)
  for (const formula of elements.querySelectorAll("[data-maths]")) use("./maths.js", ({ draw }) => draw(formula))
}

// At once if the module is here, so that nothing changes its size later. Without it, the text stays as it is.
function use(path, call) {
  if (modules[path]) return call(modules[path])
  return import(path).then((module) => call(modules[path] = module), () => {})
}

// The page may say where a link leads, its text may not.
function secure(link) {
  const target = targetOf(link)
  if (!target) return link.replaceWith(...link.childNodes)
  link.target = "_blank"
  link.rel = "noopener noreferrer nofollow ugc"
  if (shows(link.textContent, target)) return undefined
  const host = document.createElement("span")
  host.className = "prose__host"
  host.textContent = ` (${target})`
  return link.after(host)
}

// The host, or the address without its scheme.
function targetOf(link) {
  if (!link.hasAttribute("href") || !URL.canParse(link.href)) return ""
  const { host, pathname } = new URL(link.href)
  return host || pathname
}

// Hosts in other scripts than Latin are ASCII here, so that no letter can pass for another.
function shows(text, target) {
  const address = text.toLowerCase().replace(/^(?:https?:\/\/|mailto:|tel:)/, "")
  return address.startsWith(target) && /^(?:[/?#]|$)/.test(address.slice(target.length))
}

function frame(pre, streaming) {
  const { language } = pre.dataset
  const code = pre.querySelector("code")
  const box = document.createElement("div")
  box.className = "code"
  box.dataset.language = language
  pre.replaceWith(box)
  pre.tabIndex = 0 // long lines are scrolled with the keyboard too
  box.append(pre, copyButton())
  const longest = streaming ? WHILE_STREAMING : HIGHLIGHTED_UP_TO
  if (language && code.textContent.length <= longest) use("./code.js", ({ highlight }) => highlight(code, language))
}

function copyButton() {
  const button = document.createElement("button")
  button.type = "button"
  button.className = "tool code__copy"
  button.ariaLabel = button.title = say("copy.code")
  return button
}

function wrap(table) {
  const box = document.createElement("div")
  box.className = "prose__table"
  box.tabIndex = 0
  table.replaceWith(box)
  box.append(table)
}

// The small buttons of messages: copy a message or its code, ask the model again.

const THANKED_FOR = 2_000 // ms

export class Tools {
  #pane
  #ask
  #warn

  // One listener for all messages of the pane. `ask` gets a prompt, `warn` a sentence.
  constructor(pane, { ask, warn }) {
    this.#pane = pane
    this.#ask = ask
    this.#warn = warn
    pane.addEventListener("click", ({ target }) => this.#press(target.closest("button")))
  }

  // Whether the reader may ask the model.
  allow(allowed) {
    this.#pane.classList.toggle("timeline--asking", allowed)
  }

  #press(button) {
    if (button?.matches(".message__copy")) copy(button, sourceIn(textOf(button.closest(".message"))))
    if (button?.matches(".code__copy")) copy(button, button.closest(".code").querySelector("code").textContent)
    if (button?.matches(".message__again")) this.#askAgain(button.closest(".message").dataset.request)
  }

  // The request may be on an earlier page, or a moderator has removed it.
  #askAgain(request) {
    const item = this.#pane.querySelector(`.message[data-id="${CSS.escape(request)}"]`)
    const prompt = item && sourceIn(textOf(item))
    this.#warn(prompt ? "" : say("again.missing"))
    if (prompt) this.#ask(prompt)
  }
}

function textOf(item) {
  return item.querySelector(".message__text")
}

async function copy(button, text) {
  await copyText(text)
  const { ariaLabel } = button
  button.classList.add("tool--done")
  button.ariaLabel = say("copied")
  setTimeout(() => {
    button.classList.remove("tool--done")
    button.ariaLabel = ariaLabel
  }, THANKED_FOR)
}

const PATIENT_FROM = 8 // ms of rendering, from which growing text is rendered less often
const REST = 4 // times as long as the rendering took
const MARKER = /^[ \t>]*(?:[-*+_=#`~$]+|\\\[?|\d{1,3}\.?|[ |:-]*)$/ // of a block that has not begun
const LONGEST_MARKER = 60 // characters
const LAST_ASTERISKS = /(?<!\*)\*{1,3}$/
const OPEN_LINK = /!?\[([^[\]\n]*)\]\((?:h(?:[^\s()]|\([^\s()]*\)?)*)?$/ // "[text](https://…"

const proses = new WeakMap() // by element

// The prose of an element; `typed`: whether a person wrote it.
export function proseIn(element, typed) {
  if (!proses.has(element)) proses.set(element, new Prose(element, typed))
  return proses.get(element)
}

// What the element shows, as it was written; null if that is no message.
export function sourceIn(element) {
  return proses.get(element)?.source ?? null
}

// Text that is no message, such as a notice.
export function writePlain(element, text) {
  proses.get(element)?.reset()
  proses.delete(element)
  element.textContent = text
}

// While a text grows, its finished blocks stay as they are. Its last block is rendered again, and only what differs is
// changed on the page.
class Prose {
  source = ""
  #element
  #typed
  #done = 0 // where the last block begins in the source
  #depths = [] // of the headings before it
  #last = [] // its nodes
  #frame
  #rested = 0 // when the growing text may be rendered again

  constructor(element, typed) {
    this.#element = element
    this.#typed = typed
  }

  // The whole text. What the growing text has shown of it stays.
  show(text) {
    text = withLineFeeds(text)
    const continued = this.#done > 0 && text.startsWith(this.source.slice(0, this.#done))
    if (!continued) this.reset()
    this.source = text
    this.#stop()
    this.#render(text, false)
    this.#done = 0
  }

  // The text so far.
  grow(text) {
    text = withLineFeeds(text)
    if (!text.startsWith(this.source)) this.reset()
    this.source = text
    this.#frame ??= requestAnimationFrame((now) => this.#paint(now))
  }

  reset() {
    this.#stop()
    this.#element.replaceChildren()
    this.source = ""
    this.#done = 0
    this.#depths = []
    this.#last = []
  }

  #stop() {
    cancelAnimationFrame(this.#frame)
    this.#frame = undefined
  }

  #paint(now) {
    if (now < this.#rested) {
      this.#frame = requestAnimationFrame((next) => this.#paint(next))
      return
    }
    this.#frame = undefined
    const began = performance.now()
    this.#render(withoutMarker(this.source), true)
    const cost = performance.now() - began
    this.#rested = cost > PATIENT_FROM ? began + cost * (1 + REST) : 0
  }

  #render(text, streaming) {
    const rest = text.slice(this.#done)
    const env = { typed: this.#typed, streaming, follows: this.#done > 0, depths: [...this.#depths] }
    const blocks = blocksOf(rest, env)
    if (blocks) this.#put(blocks, rest, streaming)
    else this.#replaceLast([], [document.createTextNode(rest)])
  }

  // A block is finished when another one certainly begins after it: on a line that is finished too, because until then
  // it may still become part of the block; and with a next line, if it may become the head of a table.
  #put(blocks, rest, streaming) {
    const starts = lineStarts(rest)
    const isCertain = ({ line }) => line + (rest[starts[line]] === "|" ? 2 : 1) < starts.length
    const finished = streaming ? blocks.filter(isCertain).slice(0, -1) : blocks
    const open = blocks.slice(finished.length)
    this.#replaceLast(nodesOf(finished, streaming), nodesOf(open, streaming))
    if (!streaming || !finished.length) return
    this.#done += starts[open[0].line]
    this.#depths = finished.at(-1).depths
  }

  #replaceLast(finished, open) {
    this.#last = update(this.#element, this.#last, [...finished, ...open]).slice(finished.length)
  }
}

// Make the last nodes of a parent, `shown`, equal to those that are `wanted`; returns those that are there then. What is
// equal stays: items, rows and lines that are finished keep their layout, and the reader's selection.
function update(parent, shown, wanted) {
  for (const node of shown.slice(wanted.length)) node.remove()
  return wanted.map((node, place) => {
    const old = shown[place]
    if (!old) return parent.appendChild(node)
    if (old.isEqualNode(node) || areButtons(old, node)) return old
    if (!isAlike(old, node)) return old.replaceWith(node) ?? node
    if (old.nodeType === Node.TEXT_NODE) continueText(old, node.data)
    else update(old, [...old.childNodes], [...node.childNodes])
    return old
  })
}

// The reader may be pressing one, and it shows what it has done.
function areButtons(...nodes) {
  return nodes.every(({ localName }) => localName === "button")
}

// But for what they contain.
function isAlike(one, other) {
  if (one.nodeType !== other.nodeType) return false
  return one.nodeType === Node.TEXT_NODE || one.cloneNode().isEqualNode(other.cloneNode())
}

function continueText(node, text) {
  if (text.startsWith(node.data)) node.appendData(text.slice(node.length))
  else node.data = text
}

// A last line that may become anything would move what is below it, and so would the address of a link, and asterisks
// that may begin or end bold text.
function withoutMarker(text) {
  const start = text.lastIndexOf("\n") + 1
  const line = text.slice(start).replace(LAST_ASTERISKS, "")
  const isMarker = line.length <= LONGEST_MARKER && MARKER.test(line.trimEnd())
  return text.slice(0, start) + (isMarker ? "" : line.replace(OPEN_LINK, "$1"))
}

function lineStarts(text) {
  const starts = [0]
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) starts.push(end + 1)
  return starts
}

function nodesOf(blocks, streaming) {
  const elements = elementsOf(blocks.map(({ html }) => html).join(""))
  enhance(elements, streaming)
  return [...elements.childNodes]
}

function withLineFeeds(text) {
  return text.replace(/\r\n?/g, "\n")
}
