#!lua flags=allow-oom
-- Records that a role types or has stopped, in a session with policy `always`, whose automatic replies wait for it.
-- It is not written to disk or replicated, because clients repeat typing notifications.
--
-- KEYS  1 until when each role counts as typing, ms   2 the session's settings
-- given role, active (whether it types or has stopped), lasts_ms (until typing expires), wait_ms (default pause)

local settings = redis.pcall('HMGET', KEYS[2], 'policy', 'wait_seconds')
if settings[1] ~= 'always' then
  return 0
end
local now = now_ms()
local lasts = given.active and given.lasts_ms or wait_of(settings[2], given.wait_ms)
redis.set_repl(redis.REPL_NONE)
redis.pcall('HSET', KEYS[1], given.role, now + lasts)
redis.pcall('PEXPIRE', KEYS[1], math.max(lasts, given.lasts_ms))
return 1
