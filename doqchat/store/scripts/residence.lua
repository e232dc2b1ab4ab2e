#!lua flags=no-writes
-- Returns whether a session is in the store, for a call that is about to use it.
--
-- KEYS  1 the session's stream
-- given active_ms (a session with an event since then is not idle)
-- Returns 'active', 'idle' (it may leave the store), or 'absent'.

local last, there = last_id()
if not there then
  return 'absent'
end
local in_use = redis.call('EXISTS', own .. 'in_use') == 1
return (in_use or now_ms() - tonumber(string.match(last, '^%d+')) <= given.active_ms) and 'active' or 'idle'
