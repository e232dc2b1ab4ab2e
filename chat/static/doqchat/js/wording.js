// The texts of the page, its times, and the errors of the server, in the language of the page.

// The texts of the page, which the server sends in the language of the page.

const wording = JSON.parse(document.getElementById("wording").textContent)

// The sentence at a dotted key, its {placeholders} filled in; "" where there is none.
export function say(key, values = {}) {
  const sentence = key.split(".").reduce((part, name) => part?.[name], wording)
  return typeof sentence === "string" ? sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]) : ""
}

// Times and dates in the language of the page and the time zone of the browser.

const language = document.documentElement.lang
const timeOfDay = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" })
const day = new Intl.DateTimeFormat(language, { dateStyle: "full" })
const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" })
const away = new Intl.RelativeTimeFormat(language)

export function nameOfTime(date) {
  return timeOfDay.format(date)
}

export function nameOfDay(date) {
  return day.format(date)
}

// The time of day, with the date if that is not today.
export function nameOfMoment(date) {
  return nameOfDay(date) === nameOfDay(new Date()) ? nameOfTime(date) : moment.format(date)
}

// A relative time, such as "in 12 hours".
export function fromNow(seconds) {
  if (seconds < 90) return away.format(Math.ceil(seconds), "second")
  if (seconds < 90 * 60) return away.format(Math.ceil(seconds / 60), "minute")
  if (seconds < 48 * 3600) return away.format(Math.ceil(seconds / 3600), "hour")
  return away.format(Math.ceil(seconds / 86_400), "day")
}

// The errors of the server, in the language of the page.

export function reason({ code, message, retry_after = 1 }) {
  return say(`refusals.${code}`, { when: fromNow(retry_after), message }) || message
}
