// A classic script, loaded before the field: what is submitted before the modules have loaded is noted in `form.early`,
// and composer.js sends it. If the modules do not load, the field gets it back.

{
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
    if (!field.value.trim()) return
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
    if (target.type !== "module") return
    const form = document.querySelector(".composer")
    const field = form.querySelector("textarea")
    field.value = [...(form.early ?? []).map(({ text }) => text), field.value].filter(Boolean).join("\n")
    form.early = []
  }, true)
}
