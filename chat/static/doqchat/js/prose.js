// The text of a message as elements, and its source.

import { enhance } from "./enhance.js"
import { blocksOf, elementsOf } from "./markdown.js"

const PATIENT_FROM = 8 // ms of rendering, from which growing text is rendered less often
const REST = 4 // times as long as the rendering took
const MARKER = /^[ \t>]*(?:[-*+_=#`~$]+|\\\[?|\d{1,3}\.?|[ |:-]*)$/ // of a block that has not begun
const LONGEST_MARKER = 60 // characters

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

// While a text grows, its finished blocks stay as they are; only its last block is rendered again.
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
    for (const node of this.#last) node.remove()
    this.#last = []
    if (!blocks) this.#append(document.createTextNode(rest))
    else this.#appendBlocks(blocks, rest, streaming)
  }

  // A block is finished when another one begins after it, on a line that is finished too: until then, that line may
  // still become part of the block.
  #appendBlocks(blocks, rest, streaming) {
    const starts = lineStarts(rest)
    const finished = streaming ? blocks.filter(({ line }) => line < starts.length - 1).slice(0, -1) : blocks
    this.#element.append(drawn(finished, streaming))
    if (!streaming) return
    const open = blocks.slice(finished.length)
    this.#append(drawn(open, streaming))
    if (!finished.length) return
    this.#done += starts[open[0].line]
    this.#depths = finished.at(-1).depths
  }

  #append(nodes) {
    this.#last = nodes.nodeType === Node.DOCUMENT_FRAGMENT_NODE ? [...nodes.childNodes] : [nodes]
    this.#element.append(nodes)
  }
}

// A last line that may become anything would move what is below it.
function withoutMarker(text) {
  const start = text.lastIndexOf("\n") + 1
  const line = text.slice(start)
  return line.length <= LONGEST_MARKER && MARKER.test(line.trimEnd()) ? text.slice(0, start) : text
}

function lineStarts(text) {
  const starts = [0]
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) starts.push(end + 1)
  return starts
}

function drawn(blocks, streaming) {
  const elements = elementsOf(blocks.map(({ html }) => html).join(""))
  enhance(elements, streaming)
  return elements
}

function withLineFeeds(text) {
  return text.replace(/\r\n?/g, "\n")
}
