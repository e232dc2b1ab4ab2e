// Highlighting of code, loaded with the first code block that names a language.

import hljs from "../vendor/highlight.js"

import { DOMPurify } from "../vendor/markdown.js"

const CLEAN = { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true }

// An unknown language leaves the code as it is.
export function highlight(element, language) {
  if (!hljs.getLanguage(language)) return
  const { value } = hljs.highlight(element.textContent, { language, ignoreIllegals: true })
  element.replaceChildren(DOMPurify.sanitize(value, CLEAN))
}
