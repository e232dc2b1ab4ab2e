-- What goes on with replies on this server, in numbers.
--
-- KEYS  1 the job queue   2 the jobs that were given up   3 the sessions that are due an automatic reply
--       4 the day's tokens   5 the counters
-- ARGV  1 worker group
-- Returns {jobs that no worker has, jobs that one has, jobs given up, sessions due, tokens, {counter, amount, …}}.

local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1])
local taken = pending.err and 0 or pending[1]
return {
  math.max(redis.call('XLEN', KEYS[1]) - taken, 0), taken, redis.call('XLEN', KEYS[2]), redis.call('ZCARD', KEYS[3]),
  redis.call('GET', KEYS[4]) or '0', redis.call('HGETALL', KEYS[5]),
}
