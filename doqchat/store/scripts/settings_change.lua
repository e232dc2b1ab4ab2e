-- Changes a session's settings. Policy `off` also withdraws what was due, and ends an automatic reply under way.
--
-- KEYS  1 the session's settings   2 the sessions that are due an automatic reply
-- ARGV  1 sid   2 what the session's own keys begin with   3 the workers' channel   4… name, value, name, value;
--       an empty value takes the setting back to its default

for i = 4, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
if redis.call('HGET', KEYS[1], 'policy') == 'off' then
  redis.call('DEL', ARGV[2] .. 'due')
  redis.call('ZREM', KEYS[2], ARGV[1])
  interrupt(ARGV[2], ARGV[3], ARGV[1])
end
return redis.call('HGETALL', KEYS[1])
