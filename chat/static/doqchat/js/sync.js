// Requests another welcome and a replay on the open connection, after a gap.

const NAME = "sync" // the msg_id that distinguishes its refusal from that of a message
const PAUSE = 2 // s before a retry, unless the server sends retry_after

export class Sync {
  #request
  #asked = false
  #again

  // `request` sends the frame with this msg_id and returns whether it was sent; if not, the next connection begins with
  // a welcome.
  constructor(request) {
    this.#request = request
  }

  // Calls before the welcome send one request.
  ask() {
    this.#asked ||= this.#request(NAME)
  }

  // A welcome has arrived.
  settle() {
    clearTimeout(this.#again)
    this.#asked = false
  }

  // Whether the error was about this sync, which is then retried.
  refuse({ msg_id, retry_after = PAUSE }) {
    if (msg_id !== NAME) return false
    this.#again = setTimeout(() => {
      this.settle()
      this.ask()
    }, retry_after * 1000)
    return true
  }
}
