#!lua flags=allow-oom
-- Notes that a worker serves a model, and forgets those that have not been seen for long.
--
-- KEYS  1 the model's workers, by when each was last seen
-- given worker, gone_ms (after which one is forgotten)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, given.worker)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - given.gone_ms)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
return 1
