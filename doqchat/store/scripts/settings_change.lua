#!lua
-- Changes a session's settings. Policy `off` also withdraws what was due, and automatic replies under way or in line.
--
-- KEYS  1 the session's settings   2 the sessions that are due an automatic reply   3 the job queues
--       4 the session's stream   5 the counters
-- ARGV  1 sid   2 what the session's own keys begin with   3 worker group   4 the workers' channel
--       5 the group's channel   6 participant   7 the terminal event's body, to be filled in   8 the counter of replies
--       that end like this   9… name, value, name, value; an empty value takes the setting back to its default
-- Returns the settings: {name, value, name, value, …}

for i = 9, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
if redis.call('HGET', KEYS[1], 'policy') == 'off' then
  redis.call('DEL', ARGV[2] .. 'due')
  redis.call('ZREM', KEYS[2], ARGV[1])
  for _, reply in ipairs(redis.call('SMEMBERS', ARGV[2] .. 'replies')) do
    if redis.call('HGET', ARGV[2] .. 'reply:' .. reply, 'auto') == '1' then
      interrupt(ARGV[2], KEYS[3], ARGV[1], reply, KEYS[4], KEYS[5], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], '',
        ARGV[8])
    end
  end
end
return redis.call('HGETALL', KEYS[1])
