#!lua flags=allow-oom
-- Records a worker's heartbeat for a model, and removes workers without recent ones.
--
-- KEYS  1 the model's workers, by the time of their last heartbeat
-- given worker, gone_ms (after which a worker is removed)

local now = now_ms()
redis.call('ZADD', KEYS[1], now, given.worker)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - given.gone_ms)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
return 1
