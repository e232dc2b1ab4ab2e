#!lua flags=allow-oom
-- Ends a reply: stores its one terminal event, tells the session's group, and lets the next one in line talk.
-- The tokens of the attempt are counted in any case.
--
-- KEYS  1 the job's queue   2 all job queues   3 the session's stream   4 the jobs that were given up   5 the counters
--       6 the day's tokens   7 that this attempt was counted
-- given group, worker, job, reply, sid, own (what the session's own keys begin with), spent (see parts/tokens.lua), body
--       (of the terminal event), participant, channel (the group's), given_up (whether the job is kept for a person to
--       look at), counters (name to amount, as text: whatever a provider says)
-- Returns the terminal event's id, or 'lost' when another worker has the job or the reply has ended.

spend(KEYS[6], KEYS[7], given.spent)
local own, reply = given.own, given.reply
local has_lease = lease_of(KEYS[1], given.group, given.worker, given.job)
if not has_lease or redis.call('SISMEMBER', own .. 'replies', reply) == 0 then
  return 'lost'
end
local known = redis.call('HMGET', own .. 'reply:' .. reply, 'llm', 'auto')
local id = add_entry(KEYS[3], given.channel, given.participant, given.body)
if given.given_up then
  add_job(KEYS[4], given.sid, reply, known[1], known[2])
end
redis.call('XACK', KEYS[1], given.group, given.job)
redis.call('XDEL', KEYS[1], given.job)
end_reply(own, KEYS[2], given.sid, reply)
-- The reply has ended, whatever a provider says of its tokens.
for name, amount in pairs(given.counters) do
  redis.pcall('HINCRBYFLOAT', KEYS[5], name, amount)
end
return id
