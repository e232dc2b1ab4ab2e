#!lua flags=allow-oom
-- Gives a job back to the queue, for any worker to take at once. That nobody died of it now is not held against it; who
-- died of it before is kept in mind. The tokens of the attempt are counted in any case.
--
-- KEYS  1 the job's queue   2 all job queues   3 the day's tokens   4 that this attempt was counted
-- ARGV  1 worker group   2 worker   3 job   4 reply id   5 sid   6 what the session's own keys begin with
--       7 tokens   8 seconds that the day's tokens are kept   9 seconds that it is kept that the attempt was counted
-- Returns 1, or 0 when another worker has the job or the reply has ended.

spend(KEYS[3], KEYS[4], ARGV[7], ARGV[8], ARGV[9])
local lease = lease_of(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if not lease or redis.call('SISMEMBER', ARGV[6] .. 'replies', ARGV[4]) == 0 then
  return 0
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
redis.call('HINCRBY', ARGV[6] .. 'reply:' .. ARGV[4], 'deaths', lease[4] - 1)
queue_job(ARGV[6], KEYS[2], ARGV[5], ARGV[4])
return 1
