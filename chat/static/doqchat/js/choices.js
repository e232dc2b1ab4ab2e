// Small buttons under a message: what the reader can do about it.

// `choices`: pairs of a label and what pressing it does.
export function offer(item, choices) {
  withdraw(item)
  if (choices.length === 0) return
  const line = document.createElement("p")
  line.className = "message__choices"
  line.append(...choices.map(([label, press]) => button(label, press)))
  item.querySelector(".message__foot").append(line)
}

export function withdraw(item) {
  item.querySelector(".message__choices")?.remove()
}

function button(label, press) {
  const element = document.createElement("button")
  element.type = "button"
  element.className = "button button--small"
  element.textContent = label
  element.addEventListener("click", press)
  return element
}
