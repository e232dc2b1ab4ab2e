#!lua flags=allow-oom
-- Finds the sessions that are due an automatic reply and in which nobody else talks. After a reply that talked meanwhile
-- people get as long to go on as after a message of theirs.
--
-- KEYS  1 the sessions that are due an automatic reply
-- ARGV  1 how many to look at   2 ms until a session in which somebody else still talks is looked at again
--       3 the wait for people who go on talking, ms   4 the longest such wait, ms
-- Returns their sids.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- What is due later than that was due before the clock was set back.
for _, sid in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now + ARGV[4], '+inf', 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', KEYS[1], now, sid)
end
local ready = {}
for _, sid in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local own = '{chat:session:' .. sid .. '}:'
  local since = tonumber(redis.pcall('HGET', own .. 'due', 'since')) or 0
  if redis.call('EXISTS', own .. 'talking') == 1 then
    redis.call('ZADD', KEYS[1], now + ARGV[2], sid)
  elseif since <= now and since + ARGV[3] > now then
    redis.call('ZADD', KEYS[1], since + ARGV[3], sid)
  else
    ready[#ready + 1] = sid
  end
end
return ready
