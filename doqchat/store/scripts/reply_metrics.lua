-- What goes on with replies on this server, in numbers.
--
-- KEYS  1 the job queues   2 the jobs that were given up   3 the sessions that are due an automatic reply
--       4 the day's tokens   5 the counters
-- ARGV  1 worker group
-- Returns {jobs that no worker has, jobs that one has, jobs given up, sessions due, tokens, {counter, amount, …}}.

local waiting, taken = 0, 0
for _, alias in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local queue = KEYS[1] .. ':' .. alias
  local pending = redis.pcall('XPENDING', queue, ARGV[1])
  local taken_here = pending.err and 0 or pending[1]
  waiting = waiting + math.max(redis.call('XLEN', queue) - taken_here, 0)
  taken = taken + taken_here
end
return {
  waiting, taken, redis.call('XLEN', KEYS[2]), redis.call('ZCARD', KEYS[3]),
  redis.call('GET', KEYS[4]) or '0', redis.call('HGETALL', KEYS[5]),
}
