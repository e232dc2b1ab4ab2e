#!lua flags=no-writes
-- Returns the outcome of an append that the store cannot run again because it refuses writes.
--
-- KEYS  1 the session's stream   2 the idempotency key of its msg_id, or of this append
-- given digest (of the content, or ''), deadline (ms of the store's clock)
-- Returns {id, 'duplicate' | 'conflict', hints} if it is stored; {'', 'expired'} if it is not and will not be; {} if it
-- is not stored yet.

local known = claimed(KEYS[2], given.digest)
if known then
  known[3] = hint_owed()
  return known
end
return now_ms() > given.deadline and {'', 'expired'} or {}
