#!lua flags=allow-oom
-- Takes sessions that are due an automatic reply: other workers do not see them for a while.
--
-- KEYS  1 the sessions that are due one, by when
-- given count (to take, at most), again_ms (until they are seen again), latest_ms (what is due later than in that time
--       was due before the clock was set back)
-- Returns {their new score, sid, sid, …}

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local again = now + given.again_ms
local taken = {again}
local function take(from, to)
  for _, sid in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], from, to, 'LIMIT', 0, given.count)) do
    redis.call('ZADD', KEYS[1], again, sid)
    taken[#taken + 1] = sid
  end
end
take('-inf', now)
take('(' .. now + given.latest_ms, '+inf')
return taken
