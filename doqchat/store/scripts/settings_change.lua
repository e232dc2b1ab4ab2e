#!lua
-- Changes a session's settings. Policy `off` also withdraws what was due, and automatic replies under way or in line.
--
-- KEYS  1 the session's settings   2 the sessions that are due an automatic reply   3 the job queues
--       4 the session's stream   5 the counters
-- given sid, own (what the session's own keys begin with), early_end (see parts/interrupt.lua), changes (name to value; an
--       empty value takes the setting back to its default)
-- Returns the settings: {name, value, name, value, …}

for name, value in pairs(given.changes) do
  if value == '' then
    redis.call('HDEL', KEYS[1], name)
  else
    redis.call('HSET', KEYS[1], name, value)
  end
end
if redis.call('HGET', KEYS[1], 'policy') == 'off' then
  redis.call('DEL', given.own .. 'due')
  redis.call('ZREM', KEYS[2], given.sid)
  for _, reply in ipairs(redis.call('SMEMBERS', given.own .. 'replies')) do
    if redis.call('HGET', given.own .. 'reply:' .. reply, 'auto') == '1' then
      interrupt(given.own, KEYS[3], given.sid, reply, KEYS[4], KEYS[5], given.early_end, '')
    end
  end
end
return redis.call('HGETALL', KEYS[1])
