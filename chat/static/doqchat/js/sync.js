// A welcome on the open connection, which the server sends when it is asked: for what is missing.

const NAME = "sync" // the msg_id that distinguishes its refusal from that of a message
const PAUSE = 2 // s before a retry, unless the server sends retry_after

export class Sync {
  #request
  #asked = false
  #again

  // `request` asks the server, by this msg_id, and says whether that went out; when not, the next connection begins
  // with a welcome.
  constructor(request) {
    this.#request = request
  }

  // Once, however often this is called before the welcome comes.
  ask() {
    this.#asked ||= this.#request(NAME)
  }

  // A welcome has come.
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
