// The connection to the session: opens a socket, detects dead ones, and reconnects.
//
// States, told to `onState`: "connecting"; "connected" (welcomed); "offline", according to the browser, with a socket
// that may still be usable; "waiting", with `until`, the time of the next try in ms, and the close `code`; "stopped",
// with the close `code` that forbids another try.

import { subprotocols } from "./token.js"
import { between, growing } from "./waits.js"

const PROTOCOL = "doqchat.v1"
const FIRST_WAIT = 500
const LONGEST_WAIT = 15_000
const CROWD_WAIT = 5_000
const SILENCE = 25_000 // ms without a frame, after which a ping is sent
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

  // Send an envelope; returns whether the connection is open. If not, the caller keeps it.
  send(envelope) {
    if (this.#state !== "connected" || this.#socket.readyState !== WebSocket.OPEN) return false
    this.#socket.send(JSON.stringify(envelope))
    return true
  }

  // The page is visible again, or the network is back: reconnect immediately, and check an open socket.
  wake() {
    const asleep = Date.now() - this.#heard > SILENCE + PATIENCE
    if (this.#state === "waiting" || (this.#state === "connected" && asleep)) this.open()
    else if (this.#state === "connected") this.#probe()
    else if (this.#state === "offline") this.#probe(IMPATIENCE)
  }

  // The browser says that it is offline. Nothing is sent until a probe is answered, as it is if the server is on this
  // machine.
  doubt() {
    if (this.#state === "connecting") this.#become("connecting")
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
    clearTimeout(this.#watch)
    this.#watch = setTimeout(() => this.#probe(), SILENCE)
    if (envelope.hd.event === "session.welcome" && this.#state !== "connected") {
      this.#failures = this.#refusedTokens = 0
      this.#become("connected")
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

  #probe(patience) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ hd: { event: "ping" }, bd: {} }))
    this.#expectFrame(patience)
  }

  #expectFrame(patience = PATIENCE) {
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
  if (code === TOO_MANY) return between(LONGEST_WAIT, 2 * LONGEST_WAIT)
  const wait = growing(FIRST_WAIT, LONGEST_WAIT, failures)
  return CROWD.includes(code) ? Math.max(wait, between(FIRST_WAIT, CROWD_WAIT)) : wait
}
