// The texts of the page, which the server sends in the language of the page.

const wording = JSON.parse(document.getElementById("wording").textContent)

// The sentence at a dotted key, its {placeholders} filled in; "" where there is none.
export function say(key, values = {}) {
  const sentence = key.split(".").reduce((part, name) => part?.[name], wording)
  return typeof sentence === "string" ? sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]) : ""
}
