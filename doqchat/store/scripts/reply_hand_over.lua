#!lua flags=allow-oom
-- Gives a job back to the queue, for any worker to take at once. That nobody died of it now is not held against it; who
-- died of it before is kept in mind. The tokens of the attempt are counted in any case.
--
-- KEYS  1 the job's queue   2 all job queues   3 the day's tokens   4 that this attempt was counted
-- given group, worker, job, reply, sid, own (what the session's own keys begin with), spent (see parts/tokens.lua)
-- Returns 1, or 0 when another worker has the job or the reply has ended.

spend(KEYS[3], KEYS[4], given.spent)
local lease = lease_of(KEYS[1], given.group, given.worker, given.job)
if not lease or redis.call('SISMEMBER', given.own .. 'replies', given.reply) == 0 then
  return 0
end
redis.call('XACK', KEYS[1], given.group, given.job)
redis.call('XDEL', KEYS[1], given.job)
redis.call('HINCRBY', given.own .. 'reply:' .. given.reply, 'deaths', lease[4] - 1)
queue_job(given.own, KEYS[2], given.sid, given.reply)
return 1
