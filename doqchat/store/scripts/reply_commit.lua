#!lua flags=allow-oom
-- Ends a reply: stores its one terminal event, tells the session's group, and lets the next one in line talk.
--
-- KEYS  1 the job's queue   2 all job queues   3 the session's stream   4 the jobs that were given up   5 the counters
-- ARGV  1 worker group   2 worker   3 job   4 reply id   5 the terminal event's body   6 participant
--       7 the group's channel   8 'given up' when the job is to be kept for a person to look at, or ''   9 sid
--       10 what the session's own keys begin with   11… counters, each with an amount
-- Returns the terminal event's id, or 'lost' when another worker has the job or the reply has ended.

local own, sid = ARGV[10], ARGV[9]
if not lease_of(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) or redis.call('SISMEMBER', own .. 'replies', ARGV[4]) == 0 then
  return 'lost'
end
local known = redis.call('HMGET', own .. 'reply:' .. ARGV[4], 'llm', 'auto')
local id = add_entry(KEYS[3], ARGV[7], ARGV[6], ARGV[5])
if ARGV[8] ~= '' then
  add_job(KEYS[4], sid, ARGV[4], known[1], known[2])
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
end_reply(own, KEYS[2], sid, ARGV[4])
-- The reply has ended, whatever a provider says of its tokens.
for i = 11, #ARGV, 2 do
  redis.pcall('HINCRBYFLOAT', KEYS[5], ARGV[i], ARGV[i + 1])
end
return id
