// Random waits, in milliseconds, so that a crowd does not come back at once.

// Before what the server cannot take for the moment is sent again.
export const FIRST_WAIT = 500
export const LONGEST_WAIT = 4_000

export function between(shortest, longest) {
  return shortest + Math.random() * (longest - shortest)
}

// The span doubles with every failure, up to `longest`.
export function growing(shortest, longest, failures) {
  return between(shortest, Math.min(longest, shortest * 2 ** failures))
}
