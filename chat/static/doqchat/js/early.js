// A classic script, loaded before the field: what is submitted before the modules have loaded is noted in `form.early`,
// and composer.js sends it. If the modules do not load or run, the field gets it back. A page that is left before keeps
// it as a draft.

{
  let failed = false

  const unsaid = (form, ...others) => {
    const noted = (form.early ?? []).map(({ text }) => text)
    return [...others, ...noted, form.querySelector("textarea").value].filter(Boolean).join("\n")
  }

  const enterSends = () => {
    try {
      const { sends } = JSON.parse(localStorage.getItem("doqchat.enter"))
      return sends
    } catch {
      return !matchMedia("(any-pointer: coarse)").matches || matchMedia("(any-pointer: fine)").matches
    }
  }

  const note = (event, asking) => {
    const form = event.target.closest(".composer")
    if (!form || form.early === null) return // composer.js has taken over
    event.preventDefault()
    const field = form.querySelector("textarea")
    if (failed || !field.value.trim()) return
    form.early = [...(form.early ?? []), { text: field.value, asking }]
    field.value = ""
  }

  addEventListener("submit", (event) => note(event, false), true)
  addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.altKey || event.isComposing || event.keyCode === 229) return
    const asking = event.ctrlKey || event.metaKey
    if (event.target.localName === "textarea" && (asking || enterSends())) note(event, asking)
  }, true)
  addEventListener("error", ({ target }) => {
    const form = document.querySelector(".composer")
    if (!form || form.early === null || (target !== window && target.type !== "module")) return
    failed = true
    form.querySelector("textarea").value = unsaid(form)
    form.early = []
    form.querySelector(".composer__problem").textContent = form.dataset.unloaded
  }, true)
  addEventListener("pagehide", () => {
    const form = document.querySelector(".composer")
    if (!form || form.early === null || !unsaid(form)) return
    const { paths, role } = JSON.parse(document.getElementById("room").textContent)
    const key = `doqchat.draft:${paths.session} ${role}` // as in storage.js
    try {
      const { text = "" } = JSON.parse(sessionStorage.getItem(key) ?? localStorage.getItem(key)) ?? {}
      const entry = JSON.stringify({ at: Date.now(), text: unsaid(form, text) })
      for (const storage of [localStorage, sessionStorage]) storage.setItem(key, entry)
    } catch {} // it is lost with the page
    form.early = null
  })
}
