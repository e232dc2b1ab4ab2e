// Theme and language of all pages: kept in cookies, which the server reads, so that a page never flashes in another.

const YEAR = 365 * 24 * 3600 // s
const OF_FRAME = "samesite=none; secure; partitioned" // a frame's, in a page of another site
const root = document.documentElement

document.querySelector(".appearance")?.addEventListener("change", ({ target, currentTarget }) => {
  const { cookie } = target.closest("[data-cookie]").dataset
  const age = target.value ? YEAR : 0
  const { attributes } = currentTarget.dataset
  const write = (given) => { document.cookie = `${cookie}=${target.value}; max-age=${age}; ${given}` }
  write(attributes)
  if (target.value && !document.cookie.includes(`${cookie}=${target.value}`)) write(attributes.replace("samesite=lax", OF_FRAME))
  if (target.name === "theme") showTheme(target.value)
  else reload()
})

// In another language. The browser keeps no text of fields without autocompletion: those of the home page are kept here.

const TYPED = "doqchat.typed"
const controls = document.querySelectorAll(".home__start :is(input:not([type=hidden]), textarea, select, details)")

try {
  const typed = JSON.parse(sessionStorage.getItem(TYPED))
  sessionStorage.removeItem(TYPED)
  typed?.forEach((state, index) => Object.assign(controls[index], state))
} catch {}

function reload() {
  const typed = Array.from(controls, ({ value, checked, open }) => ({ value, checked, open }))
  try {
    if (typed.length) sessionStorage.setItem(TYPED, JSON.stringify(typed))
  } catch {}
  location.reload()
}

// "": that of the system.
function showTheme(theme) {
  if (theme) root.dataset.theme = theme
  else delete root.dataset.theme
  const { backgroundColor } = getComputedStyle(root)
  for (const bar of document.querySelectorAll("meta[name=theme-color]")) bar.content = backgroundColor
}
