#!lua flags=allow-oom
-- Ends a reply: stores its one terminal event, tells the session's group, and lets the next one in line talk.
-- The tokens of the attempt are counted in any case.
--
-- KEYS  1 the job's queue   2 all job queues   3 the session's stream   4 the jobs that were given up   5 the counters
--       6 the day's tokens   7 that this attempt was counted
-- ARGV  1 worker group   2 worker   3 job   4 reply id   5 sid   6 what the session's own keys begin with
--       7 tokens   8 seconds that the day's tokens are kept   9 seconds that it is kept that the attempt was counted
--       10 the terminal event's body   11 participant   12 the group's channel
--       13 'given up' when the job is to be kept for a person to look at, or ''   14… counters, each with an amount
-- Returns the terminal event's id, or 'lost' when another worker has the job or the reply has ended.

spend(KEYS[6], KEYS[7], ARGV[7], ARGV[8], ARGV[9])
local own, reply = ARGV[6], ARGV[4]
if not lease_of(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) or redis.call('SISMEMBER', own .. 'replies', reply) == 0 then
  return 'lost'
end
local known = redis.call('HMGET', own .. 'reply:' .. reply, 'llm', 'auto')
local id = add_entry(KEYS[3], ARGV[12], ARGV[11], ARGV[10])
if ARGV[13] ~= '' then
  add_job(KEYS[4], ARGV[5], reply, known[1], known[2])
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
end_reply(own, KEYS[2], ARGV[5], reply)
-- The reply has ended, whatever a provider says of its tokens.
for i = 14, #ARGV, 2 do
  redis.pcall('HINCRBYFLOAT', KEYS[5], ARGV[i], ARGV[i + 1])
end
return id
