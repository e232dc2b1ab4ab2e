// Ids of events: Redis Stream ids, "milliseconds-sequence".

export const BEGINNING = "0-0"

// Whether the event with id a comes after the one with id b.
export function isAfter(a, b) {
  const [millisecondsA, sequenceA] = a.split("-").map(Number)
  const [millisecondsB, sequenceB] = b.split("-").map(Number)
  return millisecondsA > millisecondsB || (millisecondsA === millisecondsB && sequenceA > sequenceB)
}

// When the event was stored.
export function timeOf(id) {
  return new Date(Number(id.split("-")[0]))
}
