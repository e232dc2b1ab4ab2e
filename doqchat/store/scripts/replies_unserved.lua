#!lua flags=no-writes
-- Finds what waits although no worker is there for it.
--
-- KEYS  1 the job queues   2 the sessions that are due an automatic reply
-- given group (of workers), gone_ms (without a sign of life after which a worker counts as gone), waited_ms (by what is
--       found), count (jobs of a model, and sessions, to look at)
-- Returns {{alias, {sid, reply, sid, reply, …}, alias, …}, sids}: the models that no worker serves, each with the
-- requests to it that have waited for so long, and the sessions that have been due for so long.

local time = redis.call('TIME')
local before = time[1] * 1000 + math.floor(time[2] / 1000) - given.waited_ms
local unserved = {}
for _, alias in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local queue = KEYS[1] .. ':' .. alias
  if workers_at(queue, given.group, given.gone_ms) == 0 then
    local waiting = {}
    local jobs = redis.pcall('XRANGE', queue, '-', '+', 'COUNT', given.count)
    for _, job in ipairs(jobs.err and {} or jobs) do
      local named = {}
      for i = 1, #job[2], 2 do
        named[job[2][i]] = job[2][i + 1]
      end
      local asked = tonumber(string.match(named.request or '', '^(%d+)%-%d+$'))
      if asked and asked <= before and named.sid and named.reply then
        waiting[#waiting + 1] = named.sid
        waiting[#waiting + 1] = named.reply
      end
    end
    unserved[#unserved + 1] = alias
    unserved[#unserved + 1] = waiting
  end
end
return {unserved, redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', before, 'LIMIT', 0, given.count)}
