// Random waits in milliseconds, so that clients do not all retry at once.

// Before a temporarily refused message is sent again.
export const FIRST_WAIT = 500
export const LONGEST_WAIT = 4_000

export function between(shortest, longest) {
  return shortest + Math.random() * (longest - shortest)
}

// Exponential backoff, up to `longest`.
export function growing(shortest, longest, failures) {
  return between(shortest, Math.min(longest, shortest * 2 ** failures))
}
