#!lua flags=allow-oom
-- Takes or renews the lock of the sweeper.
--
-- KEYS  1 the lock: the name of the process that holds it
-- given name, ms (until the lock expires)
-- Returns ms of the store's clock if this process holds the lock, otherwise 0.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= given.name then
  return 0
end
redis.call('SET', KEYS[1], given.name, 'PX', given.ms)
return now_ms()
