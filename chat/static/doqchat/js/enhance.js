// What rendered Markdown gets beside its elements: safe links with a visible host, code that can be copied and is
// highlighted, maths.

import { say } from "./wording.js"

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
