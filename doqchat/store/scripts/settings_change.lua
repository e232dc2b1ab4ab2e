#!lua
-- Changes a session's settings. Policy `off` also cancels the scheduled automatic reply and ends active ones.
--
-- KEYS  1 the session's stream
-- given cancellation (see parts/cancel.lua), changes (name to value; an empty value resets the setting to its default)
-- Returns {settings as name, value, name, value, …; hints}

local settings = own .. 'settings'
for name, value in pairs(given.changes) do
  if value == '' then
    redis.call('HDEL', settings, name)
  else
    redis.call('HSET', settings, name, value)
  end
end
if redis.call('HGET', settings, 'policy') == 'off' then
  redis.call('DEL', own .. 'due')
  for _, reply in ipairs(redis.call('SMEMBERS', own .. 'replies')) do
    if redis.call('HGET', key_of(reply), 'auto') == '1' then
      cancel(reply, given.cancellation, '')
    end
  end
end
return {redis.call('HGETALL', settings), hints}
