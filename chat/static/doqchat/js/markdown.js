// Markdown to sanitised HTML. The browser renders all texts, because the stored history, live messages and the pieces of
// an answer all arrive as text: one implementation serves the three, and the server only ever sends text.

import { cjkFriendly, DOMPurify, MarkdownIt } from "../vendor/markdown.js"

// Maths in Markdown: $$…$$, \[…\] and \(…\), and $…$ under pandoc's rules, with which prices are no maths.

const DISPLAY = { "$$": "$$", "\\[": "\\]" }
const INLINE = { ...DISPLAY, "\\(": "\\)" }
const LONGEST = 4_000 // characters of a formula
const LONGEST_IN_DOLLARS = 300

const WORDS = /\\(?:text|mbox|mathrm|operatorname|tag)\w*\s*\{[^{}]*\}/g
const CJK = /[\p{sc=Hangul}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u
const PRICE = /^\d[^\\]*[\s,][A-Za-z]{2,}|^\d[^\\^_=+*/<>{}]*\s[^\\^_=+*/<>{}]*$/ // "5 or more", "4bn. R"
const ALPHANUMERIC = /[A-Za-z0-9]/

// A markdown-it plugin. The token `maths` has the source with its delimiters as its content.
export function maths(md) {
  md.block.ruler.before("fence", "maths", display, { alt: ["paragraph", "blockquote", "list"] })
  md.inline.ruler.before("escape", "maths", inline)
}

// A formula on lines of its own.
function display(state, start, end, silent) {
  const from = state.bMarks[start] + state.tShift[start]
  const to = endOf(state.src, from, DISPLAY)
  if (!to) return false
  let last = start
  while (last < end && state.eMarks[last] < to) last += 1
  if (last === end || state.src.slice(to, state.eMarks[last]).trim()) return false
  if (silent) return true
  const token = state.push("maths", "", 0)
  token.content = state.getLines(start, last + 1, state.sCount[start], false).trim()
  token.map = [start, last + 1]
  state.line = last + 1
  return true
}

function inline(state, silent) {
  const { src, pos } = state
  const to = endOf(src, pos, INLINE) || endOfDollars(src, pos)
  if (!to || to > state.posMax) return false
  if (!silent) state.push("maths", "", 0).content = src.slice(pos, to)
  state.pos = to
  return true
}

// Where the formula that begins here ends; 0 if none does.
function endOf(src, from, delimiters) {
  const close = delimiters[src.slice(from, from + 2)]
  if (!close) return 0
  const length = src.slice(from + 2, from + LONGEST).indexOf(close)
  return length > 0 && isFormula(src.slice(from + 2, from + 2 + length)) ? from + length + 4 : 0
}

// Between single dollars, no space follows the first or precedes the last, and no digit or letter is next to them.
function endOfDollars(src, from) {
  if (src[from] !== "$" || src[from + 1] === "$" || ALPHANUMERIC.test(src[from - 1] ?? "")) return 0
  const [formula] = src.slice(from, from + LONGEST_IN_DOLLARS).match(/^\$(?!\s)(?:[^$\\\n`]|\\[^\n])+(?<!\s)\$(?![\w$])/) ?? []
  return formula && isFormula(formula.slice(1, -1)) ? from + formula.length : 0
}

function isFormula(tex) {
  return tex.trim() !== "" && !CJK.test(tex.replace(WORDS, "")) && !PRICE.test(tex)
}

// Which Markdown is recognised. CommonMark would change much of what people type: emoticons such as (*^^*) and -_-,
// dates at the beginning of a line, 2*3*4, lines of dashes, 네~~. These rules accept only what is meant as Markdown.

const OFF = ["autolink", "code", "entity", "html_block", "html_inline", "lheading", "newline", "reference"]

const BULLET = /^[-*][ \t]+(?=.*[^\s*_-])/
const NUMBER = /^\d{1,3}\.[ \t]+(?!\d+\.(?!\d))\S/ // not "11. 30. …"
const FIRST = /^1\.[ \t]+(?!\d+\.(?!\d))\S/
const SECOND = /^\s+\* /
const QUOTE = /^(?:> )+(?!>)\s*\S/ // not ">:(" and ">_<"
const HEADING = /^#{1,6}[ \t]+\S/
const CODE = /(?<!`)(`+)(?!`)[^\n]*?[^`\n]\1(?!`)/g
const CODE_OR_BREAK = new RegExp(`${CODE.source}|<br ?/?>`, "gi")
const CELL = /^t[dh]_open$/
const PIPE = "\0" // instead of one in code; a text has none
const DELIMITER_ROW = /^[ \t>]*[|:-][ \t|:>-]*$/
const TABLE = blockRule("table")
const RULE = /^([-*_])\1{2,}[ \t]*$/

const ASTERISK = 0x2a
const ANY_WORD = /[\p{L}\p{N}]/u
const LATIN_WORD = /(?![\p{sc=Hangul}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}])[\p{L}\p{N}]/u
const OPENS_AFTER = /^[\s([{“‘「『《〈*~]?$/ // the characters before a _ that begins emphasis
const BEGINS = /^(?:(?:(?![*^])[\p{P}\p{S}]){0,8}(?:(?<=[\p{S}※•·]) )?[\p{L}\p{N}\p{Extended_Pictographic}`]|`+[^\s`])/u
const ENDS = /(?:[\p{L}\p{N}\p{M}\p{Extended_Pictographic}](?:(?![*^])[\p{P}\p{S}]){0,8}(?: [\p{S}※•·])?|[^\s`]`+)$/u
const PEEP = 12 // characters of the text at either side that the two above look at

const SCHEME = /^(?:https?:\/\/|mailto:|tel:)/i
const DOMAINS = "com net org edu gov mil int info kr jp cn tw hk us uk eu de fr 한국".split(" ") // without a scheme
const AFTER_HOST = /(?<=(?:\/\/|@|(?<![\w./:@-]))(?:(?:[\w-]+\.)+(?:[a-z]{2,}|\d{1,3})|localhost)(?::\d+)?)[가-힣]/gi // "naver.com에서"
const LINK_ENDS = /\*\*|~~|$/ // where a link in emphasis does
const PUNCTUATION = /[.,:;!?]/ // which belongs to the sentence

// A parser with these rules. Its `env` has `typed`: whether a person wrote the text, `streaming`: whether more follows
// it, `follows`: whether it follows other blocks.
export function parser() {
  const md = new MarkdownIt({ linkify: true, maxNesting: 30 }).use(cjkFriendly).disable(OFF)
  const everywhere = ["paragraph", "blockquote", "list"]
  narrow(md, "fence", everywhere, isFence)
  narrow(md, "blockquote", everywhere, (line) => QUOTE.test(line))
  narrow(md, "hr", ["blockquote", "list"], isRule)
  narrow(md, "list", ["paragraph", "blockquote"], isList)
  narrow(md, "heading", ["paragraph", "blockquote"], (line) => HEADING.test(line))
  md.block.ruler.at("table", table, { alt: ["paragraph", "reference"] })
  md.core.ruler.after("block", "verbatim", keepSpaces)
  md.core.ruler.before("inline", "breaks", breakCells)
  md.core.ruler.before("inline", "unfinished", noteUnfinished)
  md.inline.ruler2.after("balance_pairs", "unfinished", closeBold)
  md.inline.ruler.at("escape", escape)
  md.inline.State = delimitersOf(md.inline.State)
  limitLinks(md)
  return md
}

function blockRule(name) {
  const { ruler } = new MarkdownIt().block
  ruler.enableOnly(name)
  return ruler.getRules("")[0]
}

// Apply a block rule only to lines that `allows` accepts; `ends` lists the blocks that it may end.
function narrow(md, name, ends, allows) {
  const rule = blockRule(name)
  const narrowed = (state, start, end, silent) => {
    const line = state.src.slice(state.bMarks[start] + state.tShift[start], state.eMarks[start])
    return allows(line, state, start, end) && rule(state, start, end, silent)
  }
  md.block.ruler.at(name, narrowed, { alt: ends })
}

// Three backticks alone are no code, unless more follows.
function isFence(line, { env }, start, end) {
  return line.startsWith("```") && (env.streaming || start + 1 < end)
}

// A table whose code can contain |, as models write it: GitHub's tables would end the cell there, and drop what is over.
function table(state, start, end, silent) {
  const { src, tokens, bMarks, eMarks } = state
  if (!DELIMITER_ROW.test(src.slice(bMarks[start + 1], eMarks[start + 1]))) return false
  let last = start + 1
  while (last + 1 < end && !state.isEmpty(last + 1)) last += 1
  const [from, to, count] = [bMarks[start], eMarks[last], tokens.length]
  state.src = src.slice(0, from) + src.slice(from, to).replace(CODE, withoutPipes) + src.slice(to)
  const found = TABLE(state, start, end, silent)
  state.src = src
  for (const token of tokens.slice(count)) token.content = token.content.replaceAll(PIPE, "|")
  return found
}

function withoutPipes(code) {
  return code.replace(/(?<!\\)\|/g, PIPE)
}

// A rule is apart from the text before it: a line of dashes under a sentence is not.
function isRule(line, state, start) {
  const apart = start > 0 ? state.isEmpty(start - 1) : state.env.follows
  return apart && RULE.test(line)
}

// Models continue the numbers of a list that code has interrupted. A person's "3. yes" is an answer, and a single line
// that begins with an asterisk a footnote; inside a list, neither is.
function isList(line, { env, level, src, eMarks }, start) {
  if (!env.typed || level > 0 || line[0] === "-") return BULLET.test(line) || NUMBER.test(line)
  return (BULLET.test(line) && SECOND.test(src.slice(eMarks[start], eMarks[start] + PEEP))) || FIRST.test(line)
}

// The lines of a paragraph keep their spaces, and the blank lines up to the next paragraph belong to it: the page shows
// them as they are (white-space: pre-wrap).
function keepSpaces({ src, tokens }) {
  const lines = src.split("\n")
  tokens.forEach((token, place) => {
    if (token.type !== "paragraph_open" || token.level > 0) return
    const [start, end] = token.map
    const next = tokens[place + 3]
    const blank = next?.type === "paragraph_open" ? next.map[0] - end : -1
    tokens[place + 1].content = lines.slice(start, end).join("\n") + "\n".repeat(blank + 1)
  })
}

// A cell has no other way to several lines: models write <br> there.
function breakCells({ tokens }) {
  for (const [place, token] of tokens.entries()) {
    if (!CELL.test(tokens[place - 1]?.type)) continue
    token.content = token.content.replace(CODE_OR_BREAK, (found) => (found[0] === "`" ? found : "\n"))
  }
}

// More may follow the last paragraph of a growing text: its bold text is bold before it ends.
function noteUnfinished({ env, tokens }) {
  const place = tokens.findLastIndex(({ type }) => type === "inline")
  const isLast = tokens.slice(place + 1).every(({ nesting }) => nesting < 0)
  env.unfinished = env.streaming && isLast ? tokens[place]?.children : null
}

function closeBold(state) {
  const { delimiters, env, tokens } = state
  if (tokens !== env.unfinished) return
  for (const opening of [...delimiters].reverse()) {
    const { marker, length, open, end } = opening
    if (marker !== ASTERISK || length < 2 || !open || end >= 0) continue
    opening.end = delimiters.length
    delimiters.push({ marker, length, token: tokens.length, end: -1, open: false, close: true })
    state.push("text", "", 0)
  }
}

// A backslash takes the meaning of the character after it. What a person types keeps the backslash: ¯\_(ツ)_/¯
function escape(state, silent) {
  const [, character] = state.src.slice(state.pos, state.pos + 2).match(/^\\([!-/:-@[-`{-~])/) ?? []
  if (!character || state.pos + 2 > state.posMax) return false
  if (!silent) {
    const token = state.push("text_special", "", 0)
    token.content = state.env.typed ? `\\${character}` : character
    token.info = "escape"
  }
  state.pos += 2
  return true
}

// Which runs of * _ ~ may begin and end emphasis, after the CommonMark rules.
function delimitersOf(State) {
  return class extends State {
    scanDelims(start, canSplitWord) {
      const scanned = super.scanDelims(start, canSplitWord)
      const end = start + scanned.length
      const before = this.src.slice(Math.max(0, start - PEEP), start)
      const after = this.src.slice(end, end + PEEP)
      const last = Array.from(before).at(-1) ?? ""
      const next = Array.from(after)[0] ?? ""
      const { opens, closes } = LIMITS[this.src[start]](last, next, scanned.length)
      scanned.can_open &&= opens && BEGINS.test(after)
      scanned.can_close &&= closes && ENDS.test(before)
      return scanned
    }
  }
}

// By delimiter; `last` and `next` are the characters around the run. /* begins a comment in code.
const LIMITS = {
  "*": (last, next, length) => length === 1
    ? { opens: !ANY_WORD.test(last) && last !== "/", closes: !LATIN_WORD.test(next) }
    : { opens: !LATIN_WORD.test(last) || !ANY_WORD.test(next), closes: true },
  _: (last, next, length) => ({ opens: length === 1 && OPENS_AFTER.test(last), closes: !LATIN_WORD.test(next) }), // not __init__
  "~": (last, next, length) => ({ opens: length === 2 && !ANY_WORD.test(last), closes: length === 2 }),
}

// Links are absolute, and their text stays as it was written. A host ends where a Korean particle begins.
function limitLinks(md) {
  md.validateLink = (url) => SCHEME.test(url)
  md.normalizeLinkText = (url) => url
  md.linkify.set({ fuzzyLink: true }).tlds(DOMAINS)
  const { match, matchAtStart, test } = md.linkify
  const apart = (text) => text.replace(AFTER_HOST, " ")
  Object.assign(md.linkify, {
    match: (text) => match.call(md.linkify, apart(text))?.map(shortened) ?? [],
    matchAtStart(text) {
      const found = matchAtStart.call(md.linkify, apart(text))
      return found && shortened(found)
    },
    test: (text) => test.call(md.linkify, apart(text)),
  })
}

function shortened(found) {
  let end = found.text.search(LINK_ENDS)
  while (PUNCTUATION.test(found.text[end - 1])) end -= 1
  const excess = found.text.length - end
  found.url = found.url.slice(0, found.url.length - excess)
  found.lastIndex -= excess
  found.text = found.text.slice(0, end)
  return found
}

const TAGS = [
  "a", "blockquote", "code", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "span", "strong",
  "table", "tbody", "td", "th", "thead", "tr", "ul",
]
const ATTRIBUTES = ["data-align", "data-language", "data-maths", "data-task", "href", "value"]
const URIS = /^(?:https?:\/\/|mailto:|tel:)/i

const TASK = /^\[[ xX]\] +(?=\S)/
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

const md = parser().use(maths).use(tasks)
Object.assign(md.renderer.rules, { fence, image, list_item_open: item, maths: formula, td_open: cell, th_open: cell })
md.renderer.renderToken = (tokens, place) => tag(tokens[place])

// The blocks of a text as `{line, html, depths}`, with the line that each begins at; null if it is to be shown as it is:
// a person typed it without markup, or it is too complex. `env`: see `parser`; its
// `depths` are those of the last heading before the text and of those above that one.
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

// A link to the image, or its text alone in another link.
function image(tokens, place, options, env) {
  const { attrs, children } = tokens[place]
  const [[, src]] = attrs
  const text = md.utils.escapeHtml(md.renderer.renderInlineAsText(children, options, env) || src)
  const [opened] = tokens.slice(0, place).filter(({ type }) => type.startsWith("link_")).slice(-1)
  return opened?.nesting > 0 ? text : `<a href="${md.utils.escapeHtml(src)}">${text}</a>`
}

// The number of an item is shown as it was written.
function item(tokens, place) {
  const { info, meta } = tokens[place]
  const attributes = [info && ` value="${Number(info)}"`, meta?.task && ` data-task="${meta.task}"`]
  return `<li${attributes.filter(Boolean).join("")}>`
}

// A markdown-it plugin: items that begin with [ ] or [x] are things to do.
function tasks(md) {
  md.core.ruler.before("inline", "tasks", ({ tokens }) => {
    tokens.forEach((token, place) => {
      const [mark] = token.type === "inline" && tokens[place - 2]?.type === "list_item_open" ? token.content.match(TASK) ?? [] : []
      if (!mark) return
      token.content = token.content.slice(mark.length)
      tokens[place - 2].meta = { task: mark[1] === " " ? "open" : "done" }
    })
  })
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
