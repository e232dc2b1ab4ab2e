// Keeps the end in view for a reader who is at the end, and leaves everyone else where they are.

const NEAR = 48 // px that still count as the end

export class Follow {
  #pane
  #button
  #following = true
  #top = 0

  // `pane` scrolls; `button` brings the reader to the end when something new is there.
  constructor(pane, button) {
    this.#pane = pane
    this.#button = button
    pane.addEventListener("scroll", () => this.#look())
    button.addEventListener("click", () => this.toEnd())
    const watcher = new ResizeObserver(() => this.#following && this.toEnd())
    for (const element of [pane, ...pane.children]) watcher.observe(element)
    this.toEnd()
  }

  toEnd() {
    this.#following = true
    this.#button.hidden = true
    this.#pane.scrollTop = this.#pane.scrollHeight
    this.#top = this.#pane.scrollTop
  }

  // Something new has come: point to it if the reader is elsewhere.
  announce() {
    this.#button.hidden = this.#following
  }

  // Run a change above what the reader looks at, and leave that where it is on the screen.
  hold(change) {
    const below = this.#pane.scrollHeight - this.#pane.scrollTop
    change()
    this.#pane.scrollTop = this.#pane.scrollHeight - below
  }

  // Growing text moves the end away, so only scrolling up takes the reader from it.
  #look() {
    const { scrollTop, scrollHeight, clientHeight } = this.#pane
    if (scrollHeight - scrollTop - clientHeight < NEAR) {
      this.#following = true
      this.#button.hidden = true
    } else if (scrollTop < this.#top) this.#following = false
    this.#top = scrollTop
  }
}
