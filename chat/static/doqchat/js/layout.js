// The room's layout: the details, which are a column on wide screens and a dialog on narrow ones; and the height above an
// on-screen keyboard.

const WIDE = matchMedia("(min-width: 60rem)") // as in layout.css

export class Details {
  #dialog

  // `menu` opens the dialog, `close` closes it, and so do Esc and a press beside it. The browser keeps the focus inside,
  // and gives it back to the menu.
  constructor(dialog, menu, close) {
    this.#dialog = dialog
    menu.addEventListener("click", () => this.open())
    close.addEventListener("click", () => dialog.close())
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close())
    WIDE.addEventListener("change", () => dialog.close())
  }

  // On wide screens they are always open.
  open() {
    if (!WIDE.matches && !this.#dialog.open) this.#dialog.showModal()
  }
}

// Where a keyboard covers the page instead of resizing it, as on iOS, the room ends above the keyboard.
export function keepAboveKeyboard(room, viewport = visualViewport) {
  const fit = () => {
    const zoomed = viewport.scale > 1.01 // then the reader moves the visible part
    room.style.setProperty("--visible-height", zoomed ? "" : `${viewport.height}px`)
    room.style.translate = zoomed || !viewport.offsetTop ? "" : `0 ${viewport.offsetTop}px`
  }
  for (const event of ["resize", "scroll"]) viewport.addEventListener(event, fit)
}
