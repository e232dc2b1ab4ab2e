#!lua flags=no-writes
-- What goes on with replies on this server, in numbers.
--
-- KEYS  1 the job queues   2 the jobs that were given up   3 the sessions that are due an automatic reply
--       4 the day's tokens   5 the counters   6 how many requests stand in line
-- ARGV  1 worker group
-- Returns {{alias, jobs that no worker has, jobs that one has, alias, …}, jobs given up, sessions due, tokens,
-- {counter, amount, …}, requests in line}.

local queues = {}
for _, alias in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local queue = KEYS[1] .. ':' .. alias
  local pending = redis.pcall('XPENDING', queue, ARGV[1])
  local taken = pending.err and 0 or pending[1]
  local length = redis.pcall('XLEN', queue)
  queues[#queues + 1] = alias
  queues[#queues + 1] = math.max((tonumber(length) or 0) - taken, 0)
  queues[#queues + 1] = taken
end
return {
  queues, redis.call('XLEN', KEYS[2]), redis.call('ZCARD', KEYS[3]), redis.call('GET', KEYS[4]) or '0',
  redis.call('HGETALL', KEYS[5]), redis.call('GET', KEYS[6]) or '0',
}
