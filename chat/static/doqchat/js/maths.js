// Maths as MathML, loaded with the first formula. Temml and not KaTeX: MathML needs no fonts, and no style attributes,
// which the content security policy forbids; Temml sets its few styles from the script.

import { DOMPurify } from "../vendor/markdown.js"

import temml from "../vendor/maths.js"

const DISPLAY = /^(?:\$\$|\\\[)/
const LIMITS = { maxSize: [20, 20], maxExpand: 200, trust: false, strict: false, throwOnError: true }
const CLEAN = { USE_PROFILES: { mathMl: true }, ADD_TAGS: ["span"], FORBID_ATTR: ["href", "xlink:href"], IN_PLACE: true }

// The element's text is a formula with its delimiters; one that cannot be read stays as it was written.
export function draw(element) {
  const source = element.textContent
  const width = DISPLAY.test(source) || source.startsWith("\\(") ? 2 : 1
  const drawn = document.createElement("span")
  try {
    temml.render(source.slice(width, -width), drawn, { ...LIMITS, displayMode: DISPLAY.test(source) })
  } catch {
    return
  }
  DOMPurify.sanitize(drawn, CLEAN)
  element.replaceChildren(...drawn.childNodes)
  element.classList.add(DISPLAY.test(source) ? "prose__formula" : "prose__maths")
}
