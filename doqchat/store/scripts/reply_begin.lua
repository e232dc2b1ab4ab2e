-- Begins an attempt at a reply: what an earlier attempt said is dropped.
--
-- KEYS  1 the job queue
-- ARGV  1 worker group   2 worker   3 job   4 reply id   5 what the session's own keys begin with
-- Returns {'begun', attempt, how it was ended meanwhile or ''}, {'lost'} when another worker has the job, {'done'}
-- when it was answered.

local lease = lease_of(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if not lease then
  return {'lost'}
end
local own, reply = ARGV[5], ARGV[5] .. 'reply:' .. ARGV[4]
if redis.call('SISMEMBER', own .. 'replies', ARGV[4]) == 0 then
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
  redis.call('XDEL', KEYS[1], ARGV[3])
  return {'done'}
end
redis.call('DEL', reply .. ':text')
redis.call('HSET', reply, 'attempt', lease[4], 'state', 'waiting')
return {'begun', lease[4], redis.call('HGET', reply, 'ended') or ''}
