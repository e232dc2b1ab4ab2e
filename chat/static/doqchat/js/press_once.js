// The button of an invite link, which is pressed once: a second press would cancel the answer to the first, and with it
// the cookie.

document.querySelector("form").addEventListener("submit", ({ target }) => {
  target.querySelector("button").disabled = true
})
