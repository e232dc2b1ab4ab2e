#!lua flags=allow-oom
-- Takes sessions whose automatic reply is due, and hides them from other workers for a while.
--
-- KEYS  1 sorted set of the sessions with a scheduled automatic reply, by its time
-- given count (maximum number to take), again_ms (how long they are hidden), latest_ms (later times than this from now
--       are from before the clock was set back)
-- Returns {their new score, sid, sid, …}

local now = now_ms()
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
