// <doqchat-room session="…" as="A">: the room of a session in a page of another site, which has to be one of
// DOQCHAT_EMBED_ORIGINS. `as` is the role. The page brings the tokens: the property `token`, an async function that returns one, or the
// attribute `token-url`, a path of the page's own site that answers POST with one. Custom properties --doqchat-* and the
// colour scheme of the element apply to the room.
//
// The room in the frame announces itself to its parent. The element answers with a MessagePort, on which the room asks
// for tokens; both sides check the origin of the other.

const SITE = new URL(".", import.meta.url)
const THEME = [
  "face", "radius", "paper", "surface", "ink", "ink-soft", "line", "line-strong", "focus", "voice-a", "voice-b",
  "voice-user", "voice-llm", "voice-llm-wash", "on-voice",
]
const ROLES = ["A", "B", "user", "observer"]

class DoqchatRoom extends HTMLElement {
  #frame = document.createElement("iframe")
  #port
  #restyled = () => this.#port?.postMessage(this.#appearance())
  #changes = new MutationObserver(this.#restyled)
  #scheme = matchMedia("(prefers-color-scheme: dark)")
  #heard = (event) => this.#hear(event)

  connectedCallback() {
    if (!this.shadowRoot) this.attachShadow({ mode: "open" }).append(this.#frame)
    const role = this.getAttribute("as")
    const room = new URL(`s/${encodeURIComponent(this.getAttribute("session") ?? "")}/`, SITE)
    if (ROLES.includes(role)) room.searchParams.set("role", role)
    addEventListener("message", this.#heard)
    this.#scheme.addEventListener("change", this.#restyled)
    for (const element of [document.documentElement, this]) this.#changes.observe(element, { attributes: true })
    this.style.display ||= "block"
    Object.assign(this.#frame.style, { border: "0", blockSize: "100%", display: "block", inlineSize: "100%" })
    this.#frame.title = this.getAttribute("aria-label") ?? "doqchat"
    this.#frame.allow = navigator.share ? "clipboard-write; web-share" : "clipboard-write"
    this.#frame.src = room
  }

  disconnectedCallback() {
    removeEventListener("message", this.#heard)
    this.#scheme.removeEventListener("change", this.#restyled)
    this.#changes.disconnect()
    this.#port?.close()
    this.#port = undefined
  }

  // The room has loaded, perhaps again.
  #hear({ source, origin, data }) {
    if (source !== this.#frame.contentWindow || origin !== SITE.origin || data?.doqchat !== "ready") return
    this.#port?.close()
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    port1.onmessage = ({ ports: [reply] }) => this.#answer(reply)
    source.postMessage({ doqchat: "welcome", ...this.#appearance() }, SITE.origin, [port2])
  }

  async #answer(reply) {
    try {
      reply.postMessage({ token: await (this.token ?? (() => this.#fetchToken()))() })
    } catch (error) {
      reply.postMessage({ error: String(error) })
    }
    reply.close()
  }

  async #fetchToken() {
    const path = this.getAttribute("token-url")
    if (!path) throw new TypeError("<doqchat-room> needs the property token or the attribute token-url")
    const url = new URL(path, location.href)
    if (url.origin !== location.origin) throw new TypeError("The token-url has to be of the page's own origin")
    const response = await fetch(url, { method: "POST" })
    if (!response.ok) throw new Error(`${url.pathname}: HTTP ${response.status}`)
    return (await response.text()).trim()
  }

  #appearance() {
    const style = getComputedStyle(this)
    const given = THEME.map((name) => [name, style.getPropertyValue(`--doqchat-${name}`).trim()])
    return { theme: Object.fromEntries(given.filter(([, value]) => value)), scheme: style.colorScheme }
  }
}

if (!customElements.get("doqchat-room")) customElements.define("doqchat-room", DoqchatRoom)
