// The link for the other person.

import { say } from "./wording.js"

const THANKED_FOR = 2_000 // ms

export function offerInvitation(element) {
  const link = element.querySelector(".invite__link")
  const button = element.querySelector(".invite__copy")
  const label = button.textContent
  link.addEventListener("focus", () => link.select())
  button.addEventListener("click", async () => {
    await copy(link)
    button.textContent = say("copied")
    setTimeout(() => { button.textContent = label }, THANKED_FOR)
  })
  offerShare(element.querySelector(".invite__share"), { title: element.dataset.title || say("share"), url: link.value })
}

// The share sheet of phones; browsers without one have no button.
function offerShare(button, data) {
  button.hidden = !navigator.canShare?.(data)
  button.addEventListener("click", () => navigator.share(data).catch(() => {})) // it was closed without sharing
}

async function copy(link) {
  if (navigator.clipboard) return navigator.clipboard.writeText(link.value)
  // Over plain HTTP in a local network there is no clipboard object.
  link.select()
  document.execCommand("copy")
}
