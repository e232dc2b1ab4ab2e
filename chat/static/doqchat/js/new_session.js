// The links of a new session.

import { offerInvitation } from "./invite.js"

document.querySelectorAll(".invite").forEach(offerInvitation)
