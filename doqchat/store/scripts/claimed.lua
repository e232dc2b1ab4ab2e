#!lua flags=no-writes
-- Tells what became of an append that the store refuses to run (again), as it takes no writes now.
--
-- KEYS  1 the session's stream   2 the claim of its msg_id, or of this very append
-- given digest (of the content, or ''), deadline (ms of the store's clock)
-- Returns {id, 'duplicate' | 'conflict', hints} when it is stored; {'', 'expired'} when it is not and will not be;
-- nothing when it is not yet.

local known = claimed(KEYS[2], given.digest)
if known then
  known[3] = hint_owed()
  return known
end
return now_ms() > given.deadline and {'', 'expired'} or {}
