#!lua flags=allow-oom
-- Finds the sessions that are due an automatic reply and in which nobody else talks or, unless the assistant was called,
-- types. After a reply that talked meanwhile people get as long to go on as after a message of theirs.
--
-- KEYS  1 the sessions that are due an automatic reply
-- given count (to look at), again_ms (until a session in which somebody else still talks or types is looked at again),
--       wait_ms (for people who go on talking, by default), longest_wait_ms
-- Returns their sids.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function somebody_types(own)
  local marks = redis.pcall('HVALS', own .. 'typing')
  for _, until_then in ipairs(marks.err and {} or marks) do
    if (tonumber(until_then) or 0) > now then
      return true
    end
  end
  return false
end

-- What is due later than that was due before the clock was set back.
local latest = now + given.longest_wait_ms
for _, sid in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. latest, '+inf', 'LIMIT', 0, given.count)) do
  redis.call('ZADD', KEYS[1], now, sid)
end
local ready = {}
for _, sid in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, given.count)) do
  local own = '{chat:session:' .. sid .. '}:'
  local due = redis.pcall('HMGET', own .. 'due', 'since', 'called')
  local since, called = tonumber(due[1]) or 0, due[2]
  local settings = redis.pcall('HMGET', own .. 'settings', 'wait_seconds')
  local wait = wait_of(settings[1], given.wait_ms)
  local may_wait = since <= now and since + given.longest_wait_ms > now
  if redis.call('EXISTS', own .. 'talking') == 1 or (may_wait and not called and somebody_types(own)) then
    redis.call('ZADD', KEYS[1], now + given.again_ms, sid)
  elseif since <= now and since + wait > now then
    redis.call('ZADD', KEYS[1], since + wait, sid)
  else
    ready[#ready + 1] = sid
  end
end
return ready
