// The home page.

import { RecentSessions } from "./recent.js"

new RecentSessions(document.querySelector(".recent"))
