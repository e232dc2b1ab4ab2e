// The links of a new session.

import { offerInvitation } from "./layout.js"

document.querySelectorAll(".invite").forEach(offerInvitation)
