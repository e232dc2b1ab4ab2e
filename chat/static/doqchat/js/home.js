// The home page.

import { RecentSessions } from "./recent.js"
import { SessionSearch } from "./search_sessions.js"

const recent = new RecentSessions(document.querySelector(".recent"))
const found = document.querySelector(".found")
if (found) {
  new SessionSearch(found, () => recent.links)
  found.hidden = false
}
