// Which Markdown is recognised. CommonMark would change much of what people type: emoticons such as (*^^*) and -_-,
// dates at the beginning of a line, 2*3*4, lines of dashes, 네~~. These rules accept only what is meant as Markdown.

import { MarkdownIt, cjkFriendly } from "../vendor/markdown.js"

const OFF = ["autolink", "code", "entity", "html_block", "html_inline", "image", "lheading", "newline", "reference"]

const BULLET = /^[-*][ \t]+(?=.*[^\s*_-])/
const NUMBER = /^\d{1,3}\.[ \t]+(?!\d+\.(?!\d))\S/ // not "11. 30. …"
const FIRST = /^1\.[ \t]+(?!\d+\.(?!\d))\S/
const SECOND = /^\s+\* /
const QUOTE = /^(?:> )+(?!>)\s*\S/ // not ">:(" and ">_<"
const HEADING = /^#{1,6}[ \t]+\S/
const RULE = /^([-*_])\1{2,}[ \t]*$/

const ANY_WORD = /[\p{L}\p{N}]/u
const LATIN_WORD = /(?![\p{sc=Hangul}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}])[\p{L}\p{N}]/u
const OPENS_AFTER = /^[\s([{“‘「『《〈*~]?$/ // the characters before a _ that begins emphasis
const BEGINS = /^(?:(?![*^])[\p{P}\p{S}]){0,8}[\p{L}\p{N}\p{Extended_Pictographic}]/u
const ENDS = /[\p{L}\p{N}\p{M}\p{Extended_Pictographic}](?:(?![*^])[\p{P}\p{S}]){0,8}$/u
const PEEP = 12 // characters of the text at either side that the two above look at

const SCHEME = /^(?:https?:\/\/|mailto:|tel:)/i
const DOMAINS = "com net org edu gov mil int info kr jp cn tw hk us uk eu de fr 한국".split(" ") // without a scheme
const HOST_BEFORE_HANGUL = /^(?:https?:\/\/)?[\w.-]+\.[a-z]{2,}(?=[가-힣])/i // "naver.com에서"

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
  md.core.ruler.after("block", "verbatim", keepSpaces)
  md.inline.ruler.at("escape", escape)
  md.inline.State = delimitersOf(md.inline.State)
  limitLinks(md)
  return md
}

// Apply a block rule only to lines that `allows` accepts; `ends` lists the blocks that it may end.
function narrow(md, name, ends, allows) {
  const { ruler } = new MarkdownIt().block
  ruler.enableOnly(name)
  const [rule] = ruler.getRules("")
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

// By delimiter; `last` and `next` are the characters around the run.
const LIMITS = {
  "*": (last, next, length) => length === 1
    ? { opens: !ANY_WORD.test(last), closes: !LATIN_WORD.test(next) }
    : { opens: !LATIN_WORD.test(last) || !ANY_WORD.test(next), closes: true },
  _: (last, next, length) => ({ opens: length === 1 && OPENS_AFTER.test(last), closes: !LATIN_WORD.test(next) }), // not __init__
  "~": (last, next, length) => ({ opens: length === 2 && !ANY_WORD.test(last), closes: length === 2 }),
}

// Links are absolute, and their text stays as it was written. A host ends where a Korean particle begins.
function limitLinks(md) {
  md.validateLink = (url) => SCHEME.test(url)
  md.normalizeLinkText = (url) => url
  md.linkify.set({ fuzzyLink: true }).tlds(DOMAINS)
  const { match, matchAtStart } = md.linkify
  md.linkify.match = (text) => match.call(md.linkify, text)?.map(withoutParticle) ?? []
  md.linkify.matchAtStart = (text) => {
    const found = matchAtStart.call(md.linkify, text)
    return found && withoutParticle(found)
  }
}

function withoutParticle(found) {
  const [host] = found.text.match(HOST_BEFORE_HANGUL) ?? []
  if (!host) return found
  found.url = found.url.slice(0, found.url.length - found.text.length + host.length)
  found.lastIndex -= found.text.length - host.length
  found.text = host
  return found
}
