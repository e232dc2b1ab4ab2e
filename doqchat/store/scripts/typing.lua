#!lua flags=allow-oom
-- Notes that somebody types, or has stopped, in a session whose model answers everything: its reply waits for that.
-- None of it is written to disk or sent to replicas: whoever types says so again.
--
-- KEYS  1 until when each role counts as typing, ms   2 the session's settings
-- ARGV  1 role   2 '1' when it types, '0' when it has stopped   3 ms for which typing counts   4 the default wait, ms

local settings = redis.pcall('HMGET', KEYS[2], 'policy', 'wait_seconds')
if settings[1] ~= 'always' then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lasts = ARGV[2] == '1' and tonumber(ARGV[3]) or wait_of(settings[2], ARGV[4])
redis.set_repl(redis.REPL_NONE)
redis.pcall('HSET', KEYS[1], ARGV[1], now + lasts)
redis.pcall('PEXPIRE', KEYS[1], math.max(lasts, ARGV[3]))
return 1
