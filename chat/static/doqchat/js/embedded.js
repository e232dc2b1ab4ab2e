// The page around the room, in a frame: it brings the tokens and the theme. See embed.js.

const PATIENCE = 10_000 // ms, timeout of a token
const LONGEST_VALUE = 200
const KINDS = { face: "font-family", radius: "border-radius" } // of custom properties that are not colours
const THEME = [
  "face", "radius", "paper", "surface", "ink", "ink-soft", "line", "line-strong", "focus", "voice-a", "voice-b",
  "voice-user", "voice-llm", "voice-llm-wash", "on-voice",
]
const SCHEMES = ["light", "dark"]

export class Embedder {
  #port

  // `origins`: those that may embed the room.
  constructor(origins) {
    this.#port = new Promise((resolve) => {
      addEventListener("message", ({ source, origin, data, ports: [port] }) => {
        if (source !== parent || !origins.includes(origin) || data?.doqchat !== "welcome" || !port) return
        port.onmessage = ({ data }) => dress(data)
        dress(data)
        resolve(port)
      })
    })
    parent.postMessage({ doqchat: "ready" }, "*") // says nothing that the frame's existence does not
  }

  // A new token; throws what the page's function throws.
  async token() {
    const port = await this.#port
    const { port1, port2 } = new MessageChannel()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("The page around the room has not answered.")), PATIENCE)
      port1.onmessage = ({ data: { token, error } }) => {
        clearTimeout(timer)
        if (error) reject(new Error(error))
        else resolve(token)
      }
      port.postMessage("token", [port2])
    })
  }
}

// Apply the page's theme: colours, a font and a radius, which cannot load anything.
function dress({ theme, scheme }) {
  const root = document.documentElement
  for (const name of THEME) {
    const value = theme?.[name]
    const fits = typeof value === "string" && value.length <= LONGEST_VALUE && CSS.supports(KINDS[name] ?? "color", value)
    if (fits) root.style.setProperty(`--${name}`, value)
    else root.style.removeProperty(`--${name}`)
  }
  if (SCHEMES.includes(scheme)) root.dataset.theme = scheme
  else delete root.dataset.theme
}
