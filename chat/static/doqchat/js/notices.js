// Notices in the conversation: what moderators did, in the language of the page.

import { say } from "./wording.js"

const DONE = { "message.removed": "removed", "session.closed": "closed" }

// Other notices have only the server's sentence.
export function sentenceOf({ hd, bd }) {
  const by = hd.name ? say("moderators.named", { name: hd.name }) : say("moderators.unnamed")
  return say(`notices.${DONE[hd.event] ?? bd.code}`, { by, name: say(`names.${bd.role}`) }) || bd.text
}
