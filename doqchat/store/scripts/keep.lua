#!lua flags=allow-oom
-- Keeps an idle session in the store for a while, for a call that is about to use it; also in a full store, whose
-- sessions can be read.
--
-- KEYS  1 the session's stream
-- given kept_ms (how long it is in use)
-- Returns 1, or 0 if it is not in the store.

if redis.call('EXISTS', stream) == 0 then
  return 0
end
redis.call('SET', own .. 'in_use', 1, 'PX', given.kept_ms)
return 1
