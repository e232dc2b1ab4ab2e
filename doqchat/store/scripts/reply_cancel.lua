-- Marks a reply as cancelled, and calls out to the worker that writes it.
--
-- KEYS  1 the set of replies under way   2 the reply   3 the session's stream
-- ARGV  1 reply id   2 id of the request that it answers   3 the workers' channel   4 seconds that the mark is kept
-- Returns 'cancelled', 'ended' when there is nothing left to cancel, or 'missing' when there is no such reply.

if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then
  redis.call('HSET', KEYS[2], 'cancelled', 1)
  redis.call('EXPIRE', KEYS[2], ARGV[4])
  redis.call('PUBLISH', ARGV[3], ARGV[1])
  return 'cancelled'
end
if #redis.call('XRANGE', KEYS[3], ARGV[2], ARGV[2]) > 0 then
  return 'ended'
end
return 'missing'
