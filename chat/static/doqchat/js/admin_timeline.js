// Keeps the newest page of a session's timeline in the admin up to date, by reading it again.

const EVERY = 5_000 // ms
const PATIENCE = 10_000 // ms, timeout of a request

const table = document.querySelector(".session-timeline tbody")
const status = document.querySelector(".session-live")

async function update() {
  const signal = AbortSignal.timeout(PATIENCE)
  const response = await fetch(location.href, { headers: { "X-Requested-With": "fetch" }, signal })
  if (!response.ok || response.redirected) throw new Error(`HTTP ${response.status}`)
  const page = new DOMParser().parseFromString(await response.text(), "text/html")
  addRows(page)
  for (const part of document.querySelectorAll("[data-live]")) {
    const newer = page.querySelector(`[data-live="${part.dataset.live}"]`)
    if (newer && newer.innerHTML !== part.innerHTML) part.replaceChildren(...document.adoptNode(newer).childNodes)
  }
}

// Adds new rows at the top, and replaces rows that have changed, as when a message is removed.
function addRows(page) {
  const known = new Map(Array.from(table.rows, (row) => [row.dataset.key, row]))
  const added = []
  for (const row of page.querySelectorAll(".session-timeline tbody tr[data-key]")) {
    const shown = known.get(row.dataset.key)
    if (!shown) added.push(document.adoptNode(row))
    else if (shown.innerHTML !== row.innerHTML) shown.replaceWith(document.adoptNode(row))
  }
  if (added.length) table.querySelector("tr:not([data-key])")?.remove()
  table.prepend(...added)
}

async function keepUpdating() {
  if (!document.hidden) {
    try {
      await update()
      status.dataset.state = "live"
    } catch {
      status.dataset.state = "lost"
    }
    status.textContent = status.dataset[status.dataset.state]
  }
  setTimeout(keepUpdating, EVERY)
}

if (table && status) setTimeout(keepUpdating, EVERY)
