// The token that a link brings along in its fragment, which browsers send to no server. It leaves the address bar at
// once; the tab keeps it, so that the page can be loaded again.

const IN_LINK = /^#token=([\w.~-]+)$/
const BEARER = "bearer."

export class Token {
  #token

  // `sid`: the session that it is for. `admitted`: whether the server admits the reader without it, as by a cookie;
  // then a token kept from an earlier link is not needed, and could conflict.
  constructor(sid, admitted) {
    const name = `doqchat.token.${sid}`
    const [, brought] = location.hash.match(IN_LINK) ?? []
    if (brought) {
      history.replaceState(history.state, "", location.pathname + location.search)
      keep(name, brought)
    }
    this.#token = brought ?? (admitted ? null : kept(name))
    addEventListener("hashchange", () => IN_LINK.test(location.hash) && location.reload())
  }

  // Additional subprotocols of the socket.
  get subprotocols() {
    return this.#token ? [BEARER + this.#token] : []
  }

  // Headers of HTTP requests.
  get headers() {
    return this.#token ? { Authorization: `Bearer ${this.#token}` } : {}
  }
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
