// Random waits, in milliseconds, so that a crowd does not come back at once.

export function between(shortest, longest) {
  return shortest + Math.random() * (longest - shortest)
}

// The span doubles with every failure, up to `longest`.
export function growing(shortest, longest, failures) {
  return between(shortest, Math.min(longest, shortest * 2 ** failures))
}
