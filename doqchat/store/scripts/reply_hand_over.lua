#!lua flags=allow-oom
-- Gives a job back to the queue, for any worker to take at once. That nobody died of it now is not held against it; who
-- died of it before is kept in mind.
--
-- KEYS  1 the job's queue   2 all job queues
-- ARGV  1 worker group   2 worker   3 job   4 reply id   5 sid   6 what the session's own keys begin with
-- Returns 1, or 0 when another worker has the job or the reply has ended.

local lease = lease_of(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if not lease or redis.call('SISMEMBER', ARGV[6] .. 'replies', ARGV[4]) == 0 then
  return 0
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
redis.call('HINCRBY', ARGV[6] .. 'reply:' .. ARGV[4], 'deaths', lease[4] - 1)
queue_job(ARGV[6], KEYS[2], ARGV[5], ARGV[4])
return 1
