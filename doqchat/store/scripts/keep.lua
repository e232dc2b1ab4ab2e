#!lua flags=allow-oom
-- Keeps a session in the store for a while, because a call is about to use it.
--
-- KEYS  1 the session's stream
-- given kept_ms (for how long), active_ms (a session with an event since then is not idle)
-- Returns 1 if it is in the store, otherwise 0.

local last, there = last_id()
if there and now_ms() - tonumber(string.match(last, '^%d+')) > given.active_ms then
  redis.call('SET', own .. 'in_use', 1, 'PX', given.kept_ms)
end
return there and 1 or 0
