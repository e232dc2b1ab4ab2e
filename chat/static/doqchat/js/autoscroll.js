// Scrolls to the end when something is added, if the reader was at the end.

const NEAR = 48 // px from the end that count as the end

export class AutoScroll {
  #pane
  #button
  #following = true
  #top = 0

  // `pane` scrolls; `button` scrolls to the end, shown when something was added there.
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

  // Show the button if something was added below the visible part.
  announce() {
    this.#button.hidden = this.#following
  }

  // Run a change above the visible part, which keeps its place on the screen.
  hold(change) {
    const below = this.#pane.scrollHeight - this.#pane.scrollTop
    change()
    this.#pane.scrollTop = this.#pane.scrollHeight - below
  }

  // Growing text moves the end away, so only scrolling up ends this.
  #look() {
    const { scrollTop, scrollHeight, clientHeight } = this.#pane
    if (scrollHeight - scrollTop - clientHeight < NEAR) {
      this.#following = true
      this.#button.hidden = true
    } else if (scrollTop < this.#top) this.#following = false
    this.#top = scrollTop
  }
}
