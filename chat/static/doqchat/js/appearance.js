// Theme and language of all pages: kept in cookies, which the server reads, so that a page never flashes in another.

const YEAR = 365 * 24 * 3600 // s
const root = document.documentElement

document.querySelector(".appearance")?.addEventListener("change", ({ target, currentTarget }) => {
  const { cookie } = target.closest("[data-cookie]").dataset
  const age = target.value ? YEAR : 0
  document.cookie = `${cookie}=${target.value}; max-age=${age}; ${currentTarget.dataset.attributes}`
  if (target.name === "theme") showTheme(target.value)
  else location.reload()
})

// "": that of the system.
function showTheme(theme) {
  if (theme) root.dataset.theme = theme
  else delete root.dataset.theme
  const { backgroundColor } = getComputedStyle(root)
  for (const bar of document.querySelectorAll("meta[name=theme-color]")) bar.content = backgroundColor
}
