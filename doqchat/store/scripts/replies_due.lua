-- Starts the automatic replies that are due: one to all that was said since the last one.
--
-- KEYS  1 the sessions that are due an automatic reply   2 the job queue
-- ARGV  1 how many to start at most   2 ms until a session in which somebody else still talks is looked at again
-- Returns how many were started.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local started = 0
for _, sid in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local own = '{chat:session:' .. sid .. '}:'
  if redis.call('EXISTS', own .. 'talking') == 1 then
    redis.call('ZADD', KEYS[1], now + ARGV[2], sid)
  else
    local request = redis.call('HGET', own .. 'due', 'request')
    redis.call('DEL', own .. 'due')
    redis.call('ZREM', KEYS[1], sid)
    if request then
      new_reply(own, 'r' .. request, redis.call('HGET', own .. 'settings', 'llm') or 'default', 1)
      take_turn(own, KEYS[2], sid, 'r' .. request)
      started = started + 1
    end
  end
end
return started
