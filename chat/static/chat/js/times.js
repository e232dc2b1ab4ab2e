// Times of day and days, as the reader's language and clock have them.

const language = document.documentElement.lang
const timeOfDay = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" })
const day = new Intl.DateTimeFormat(language, { dateStyle: "full" })

export function nameOfTime(date) {
  return timeOfDay.format(date)
}

export function nameOfDay(date) {
  return day.format(date)
}
