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
  return away.format(Math.ceil(seconds / 3600), "hour")
}
