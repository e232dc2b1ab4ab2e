// The token of the reader: one that a link brings along in its fragment, which browsers send to no server, or those of
// a function, which can renew them. A link's token leaves the address bar at once; the tab keeps it, so that
// the page can be loaded again.

const IN_LINK = /^#token=([\w.~-]+)$/
const TOKEN = /^[\w.~-]+$/
const BEARER = "bearer."

export class Token {
  #token
  #renew

  // `sid`: the session that it is for. `admitted`: whether the server admits the reader without it, as by a cookie;
  // then a token kept from an earlier link is not needed, and could conflict. `renew`: an async function that returns a
  // new token; a page without one has at most its link's.
  constructor(sid, admitted, renew) {
    const name = `doqchat.token.${sid}`
    const [, brought] = location.hash.match(IN_LINK) ?? []
    if (brought) {
      history.replaceState(history.state, "", location.pathname + location.search)
      keep(name, brought)
    }
    this.#token = brought ?? (admitted ? null : kept(name))
    this.#renew = admitted ? undefined : renew
    addEventListener("hashchange", () => IN_LINK.test(location.hash) && location.reload())
  }

  get renewable() {
    return this.#renew !== undefined
  }

  // A new token, if the page can get one, or else the one that there is. Throws what the function throws.
  async next() {
    if (!this.renewable) return this.#token
    const token = await this.#renew()
    if (typeof token !== "string" || !TOKEN.test(token)) throw new TypeError("A token is a string of letters, digits and . _ ~ -")
    this.#token = token
    return token
  }

  // Headers of HTTP requests.
  get headers() {
    return this.#token ? { Authorization: `Bearer ${this.#token}` } : {}
  }
}

// The function that brings the tokens: the site's own or, in a frame, that of the page around it. `embedders`: the
// origins that may embed the room.
export function provider(embedders) {
  if (globalThis.doqchat?.token || parent === window || !embedders.length) return globalThis.doqchat?.token
  const embedder = import("./embedded.js").then(({ Embedder }) => new Embedder(embedders))
  return async () => (await embedder).token()
}

// The subprotocols of a socket that carry a token.
export function subprotocols(token) {
  return token ? [BEARER + token] : []
}

// Without session storage, the token lasts as long as the page.
function keep(name, token) {
  try {
    sessionStorage.setItem(name, token)
  } catch {}
}

function kept(name) {
  try {
    return sessionStorage.getItem(name)
  } catch {
    return null
  }
}
