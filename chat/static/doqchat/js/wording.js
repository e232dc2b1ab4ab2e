// What the page says: the sentences come from the server, in the reader's language.

const wording = JSON.parse(document.getElementById("wording").textContent)

// The sentence at a dotted key, its {placeholders} filled in; "" where there is none.
export function say(key, values = {}) {
  const sentence = key.split(".").reduce((part, name) => part?.[name], wording)
  return typeof sentence === "string" ? sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]) : ""
}
