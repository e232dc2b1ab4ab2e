#!lua flags=allow-oom
-- Adds the counts of a process to those of all processes, and replaces the number of its sockets.
--
-- KEYS  1 the counters   2 the sockets of each process, in the same slot
-- given amounts (to add, by counter), process (its name), sockets (its open ones), gone_ms (until they no longer count)
-- Returns the seconds and microseconds of the store's clock

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for counter, amount in pairs(given.amounts) do
  redis.call('HINCRBYFLOAT', KEYS[1], counter, amount)
end
redis.call('HSET', KEYS[2], given.process, given.sockets .. ' ' .. now + given.gone_ms)
local reports = redis.call('HGETALL', KEYS[2])
for i = 1, #reports, 2 do
  local sockets, expires = string.match(reports[i + 1], '^(%d+) (%d+)$')
  if sockets == '0' or not expires or tonumber(expires) <= now then
    redis.call('HDEL', KEYS[2], reports[i])
  end
end
return time
