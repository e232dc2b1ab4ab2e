// The connection to the session, its token, and the waits before it is tried again.

// Random waits in milliseconds, so that clients do not all retry at once.

// Before a temporarily refused message is sent again.
export const FIRST_WAIT = 500
export const LONGEST_WAIT = 4_000

export function between(shortest, longest) {
  return shortest + Math.random() * (longest - shortest)
}

// Exponential backoff, up to `longest`.
export function growing(shortest, longest, failures) {
  return between(shortest, Math.min(longest, shortest * 2 ** failures))
}

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
  // then a token kept from an earlier link is not needed, and could conflict. `embedders`: the origins that may embed the
  // room.
  constructor(sid, admitted, embedders) {
    const name = `doqchat.${parent === window ? "token" : "framed"}.${sid}` // a frame gets its own from its page
    const [, brought] = location.hash.match(IN_LINK) ?? []
    if (brought) {
      history.replaceState(history.state, "", location.pathname + location.search)
      keep(name, brought)
    }
    this.#token = brought ?? (admitted ? null : kept(name))
    this.#renew = admitted ? undefined : provider(embedders, this.#token)
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

// The async function that brings new tokens: the site's own or, in a frame whose link has no token, that of the page
// around it. Without one, the page has at most its link's.
function provider(embedders, linked) {
  if (globalThis.doqchat?.token || linked || parent === window || !embedders.length) return globalThis.doqchat?.token
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

// The connection to the session: opens a socket, detects dead ones, and reconnects.
//
// States, told to `onState`: "connecting"; "connected" (welcomed), with `goal`, the id of the last event of the replay;
// "offline", according to the browser, with a socket that may still be usable; "waiting", with `until`, the time of the
// next try in ms, and the close `code`; "stopped", with the close `code` that forbids another try.

const PROTOCOL = "doqchat.v1"
const FIRST_RECONNECT = 500
const LONGEST_RECONNECT = 15_000
const CROWD_WAIT = 5_000
const SILENCE = 25_000 // ms without a frame, after which a ping is sent
const CHECKED_EVERY = 5_000 // ms by a clock that may stop while the machine sleeps
const PATIENCE = 8_000 // ms, timeout of the pong
const IMPATIENCE = 3_000 // ms, the same when the network is back, after which sockets are often dead

const CROWD = [1012, 1013] // the server restarts, or its store is unreachable: all clients get these at once
const TOO_MANY = 4429
const EXPIRED = 4401
const FINAL = [4400, EXPIRED, 4403, 4404, 4410]
const MOST_REFUSED_TOKENS = 5
const REFRESH = "auth.refresh"

export class Connection {
  #address
  #token
  #onFrame
  #onState
  #socket = null
  #state = ""
  #failures = 0
  #refusedTokens = 0
  #attempt = 0
  #heard = 0
  #expecting = false // whether a frame is awaited
  #retry
  #watch

  // `address` is called before each attempt, because it contains the position in the session. `token` is asked for its
  // next one before each attempt, and before the connection's expires.
  constructor(address, token, { onFrame, onState }) {
    this.#address = address
    this.#token = token
    this.#onFrame = onFrame
    this.#onState = onState
  }

  open() {
    this.#drop()
    this.#become("connecting")
    this.#expectFrame()
    this.#withNextToken((token) => {
      const socket = new WebSocket(this.#address(), [PROTOCOL, ...subprotocols(token)])
      socket.onmessage = ({ data }) => this.#hear(JSON.parse(data))
      socket.onclose = ({ code }) => this.#lose(code)
      this.#socket = socket
    }, () => this.#lose())
  }

  // Send an envelope; returns whether the connection is open. If not, the caller keeps it. After some silence, a ping
  // shows soon whether anybody still listens.
  send(envelope) {
    if (this.#state !== "connected" || this.#socket.readyState !== WebSocket.OPEN) return false
    this.#socket.send(JSON.stringify(envelope))
    if (!this.#expecting && this.#silence > PATIENCE) this.#probe()
    return true
  }

  // The page is visible again, or the network is back: reconnect immediately, and check an open socket.
  wake() {
    if (this.#state === "waiting" || (this.#state === "connected" && this.#hasSlept)) this.open()
    else if (this.#state === "connected") this.#probe()
    else if (this.#state === "offline") this.#probe(IMPATIENCE)
  }

  // The browser says that it is offline. Nothing is sent until a probe is answered, as it is if the server is on this
  // machine. A socket that is being opened is given up, because it would not survive.
  doubt() {
    if (this.#state === "connecting") this.#lose()
    if (this.#state !== "connected") return
    this.#become("offline")
    this.#probe()
  }

  // The page enters the back/forward cache, where sockets are closed; `wake` reconnects.
  rest() {
    if (this.#state === "stopped") return
    this.#drop()
    this.#become("waiting", { until: Date.now() })
  }

  #hear(envelope) {
    this.#heard = Date.now()
    this.#expecting = false
    this.#checkLater()
    if (envelope.hd.event === "session.welcome" && this.#state !== "connected") {
      this.#failures = this.#refusedTokens = 0
      this.#become("connected", { goal: envelope.bd.last_id })
    }
    if (envelope.hd.event === "pong" && this.#state === "offline") this.#become("connected")
    if (envelope.hd.event === "auth.expiring") this.#refresh()
    // A refused token is no fault of the reader: the connection ends with the old one, and the next gets a new one.
    else if (envelope.bd?.msg_id === REFRESH) return
    // The only frame before the welcome is an error, which the close code repeats.
    else if (this.#state !== "connecting") this.#onFrame(envelope)
  }

  #refresh() {
    if (!this.#token.renewable) return
    this.#withNextToken((token) => this.send({ hd: { event: REFRESH, msg_id: REFRESH }, bd: { token } }), () => {})
  }

  // Get the next token, unless the connection is another one by then.
  async #withNextToken(use, fail) {
    const attempt = this.#attempt
    let token
    try {
      token = await this.#token.next()
    } catch (error) {
      console.error("doqchat: no token.", error)
      if (attempt === this.#attempt) fail()
      return
    }
    if (attempt === this.#attempt) use(token)
  }

  get #silence() {
    return Date.now() - this.#heard
  }

  // Whether no ping was sent when it should have been.
  get #hasSlept() {
    return this.#silence > SILENCE + PATIENCE
  }

  #checkLater() {
    clearTimeout(this.#watch)
    this.#watch = setTimeout(() => this.#check(), CHECKED_EVERY)
  }

  // Browsers delay the timers of hidden pages.
  #check() {
    if (this.#hasSlept && document.visibilityState === "visible") this.open()
    else if (this.#silence >= SILENCE) this.#probe()
    else this.#checkLater()
  }

  #probe(patience) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ hd: { event: "ping" }, bd: {} }))
    this.#expectFrame(patience)
  }

  #expectFrame(patience = PATIENCE) {
    this.#expecting = true
    clearTimeout(this.#watch)
    this.#watch = setTimeout(() => this.#lose(), patience)
  }

  #lose(code) {
    this.#drop()
    if (FINAL.includes(code) && !this.#mayRenew(code)) return this.#become("stopped", { code })
    this.#failures += 1
    const wait = pause(code, this.#failures)
    this.#retry = setTimeout(() => this.open(), wait)
    this.#become("waiting", { until: Date.now() + wait, code })
  }

  #mayRenew(code) {
    return code === EXPIRED && this.#token.renewable && (this.#refusedTokens += 1) < MOST_REFUSED_TOKENS
  }

  #drop() {
    this.#attempt += 1
    clearTimeout(this.#retry)
    clearTimeout(this.#watch)
    if (!this.#socket) return
    this.#socket.onmessage = this.#socket.onclose = null
    this.#socket.close()
    this.#socket = null
  }

  #become(state, details = {}) {
    this.#state = state
    this.#onState(state, details)
  }
}

// Milliseconds before the next attempt.
function pause(code, failures) {
  if (code === TOO_MANY) return between(LONGEST_RECONNECT, 2 * LONGEST_RECONNECT)
  const wait = growing(FIRST_RECONNECT, LONGEST_RECONNECT, failures)
  return CROWD.includes(code) ? Math.max(wait, between(FIRST_RECONNECT, CROWD_WAIT)) : wait
}
