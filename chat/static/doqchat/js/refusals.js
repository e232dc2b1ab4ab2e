// The errors of the server, in the language of the page.

import { fromNow } from "./times.js"
import { say } from "./wording.js"

export function reason({ code, message, retry_after = 1 }) {
  return say(`refusals.${code}`, { when: fromNow(retry_after), message }) || message
}
