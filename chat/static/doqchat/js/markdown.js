// Markdown to sanitised HTML. The browser renders all texts, because the stored history, live messages and the pieces of
// an answer all arrive as text: one implementation serves the three, and the server only ever sends text.

import { DOMPurify } from "../vendor/markdown.js"
import { parser } from "./syntax.js"
import { maths } from "./tex.js"

const TAGS = [
  "a", "blockquote", "code", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "span", "strong",
  "table", "tbody", "td", "th", "thead", "tr", "ul",
]
const ATTRIBUTES = ["data-align", "data-language", "data-maths", "href", "value"]
const URIS = /^(?:https?:\/\/|mailto:|tel:)/i

const MOST_TOKENS = 10_000 // beyond which a text is no message, but an attempt to keep browsers busy

const CLEAN = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ATTRIBUTES,
  ALLOWED_URI_REGEXP: URIS,
  ADD_URI_SAFE_ATTR: ATTRIBUTES.filter((name) => name !== "href"), // the others are no addresses
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
}

const md = parser().use(maths)
Object.assign(md.renderer.rules, { fence, list_item_open: item, maths: formula, td_open: cell, th_open: cell })
md.renderer.renderToken = (tokens, place) => tag(tokens[place])

// The blocks of a text as `{line, html, depths}`, with the line that each begins at; null if it is to be shown as it is:
// a person typed it without markup, or it is too complex. `env`: see syntax.js; its `depths` are those of the last heading before the text
// and of those above that one.
export function blocksOf(text, env) {
  const tokens = md.parse(text, env)
  if (env.typed && tokens.every(isPlain)) return null
  if (tokens.reduce((sum, { children }) => sum + 1 + (children?.length ?? 0), 0) > MOST_TOKENS) return null
  const blocks = []
  let begin = 0
  tokens.forEach(({ level, nesting }, place) => {
    if (level > 0 || nesting > 0) return
    const block = tokens.slice(begin, place + 1)
    rankHeadings(block, env.depths)
    blocks.push({ line: block[0].map[0], html: md.renderer.render(block, md.options, env), depths: [...env.depths] })
    begin = place + 1
  })
  return blocks
}

// The elements of HTML from `blocksOf`.
export function elementsOf(html) {
  return DOMPurify.sanitize(html, CLEAN)
}

// Whether the token is a paragraph's, without any markup.
function isPlain({ type, children }) {
  if (type === "inline") return children.every((child) => child.type.startsWith("text"))
  return type.startsWith("paragraph_")
}

// The room's name is the page's h1. A message's headings begin at h2 and skip no level, whatever its numbers are.
function rankHeadings(tokens, depths) {
  for (const token of tokens) {
    if (token.type === "heading_open") {
      const depth = token.markup.length
      while (depths.at(-1) >= depth) depths.pop()
      depths.push(depth)
    }
    if (token.type.startsWith("heading_")) token.tag = `h${Math.min(depths.length + 1, 6)}`
  }
}

// Without the line ends that markdown-it adds: the page shows them.
function tag({ hidden, nesting, tag, attrs }) {
  if (hidden) return ""
  return nesting < 0 ? `</${tag}>` : `<${tag}${md.renderer.renderAttrs({ attrs })}>`
}

function fence(tokens, place) {
  const { content, info } = tokens[place]
  const [language = ""] = info.trim().split(/\s/)
  const code = md.utils.escapeHtml(content.replace(/\n$/, ""))
  return `<pre data-language="${md.utils.escapeHtml(language)}"><code>${code}</code></pre>`
}

// The number of an item is shown as it was written.
function item(tokens, place) {
  const { info } = tokens[place]
  return info ? `<li value="${Number(info)}">` : "<li>"
}

// The content security policy forbids style attributes.
function cell(tokens, place) {
  const { tag, attrs } = tokens[place]
  const [, align] = attrs?.[0][1].match(/^text-align:(\w+)$/) ?? []
  return align ? `<${tag} data-align="${align}">` : `<${tag}>`
}

function formula(tokens, place) {
  return `<span data-maths="">${md.utils.escapeHtml(tokens[place].content)}</span>`
}
