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
