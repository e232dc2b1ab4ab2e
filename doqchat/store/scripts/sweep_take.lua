#!lua flags=allow-oom
-- Makes a process the one that sweeps, unless another is.
--
-- KEYS  1 the name of the one that sweeps
-- given name, ms (for which it stays so without doing this again)
-- Returns ms of the store's clock when it is this one, otherwise 0.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= given.name then
  return 0
end
redis.call('SET', KEYS[1], given.name, 'PX', given.ms)
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000)
