#!lua flags=allow-oom
-- Counts tokens that were used on a day: also in a full store, whose replies are to end.
--
-- KEYS  1 the day's tokens
-- ARGV  1 tokens   2 seconds that the count is kept

redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
