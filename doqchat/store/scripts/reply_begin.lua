-- Begins an attempt at a reply: what an earlier attempt said is dropped.
--
-- KEYS  1 the job queue   2 the set of replies under way   3 the reply   4 its text
-- ARGV  1 worker group   2 worker   3 job   4 reply id   5 seconds that the reply is kept at most
-- Returns {'begun', attempt, cancelled}, {'lost'} when another worker has the job, {'done'} when it was answered.

local lease = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)[1]
if not lease or lease[2] ~= ARGV[2] then
  return {'lost'}
end
if redis.call('SISMEMBER', KEYS[2], ARGV[4]) == 0 then
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
  redis.call('XDEL', KEYS[1], ARGV[3])
  return {'done'}
end
redis.call('DEL', KEYS[4])
redis.call('HSET', KEYS[3], 'attempt', lease[4], 'state', 'waiting')
redis.call('EXPIRE', KEYS[3], ARGV[5])
return {'begun', lease[4], redis.call('HEXISTS', KEYS[3], 'cancelled')}
