-- Ends a reply: stores its one terminal event, tells the session's group, and lets the next one in line talk.
--
-- KEYS  1 the job queue   2 the session's stream   3 the jobs that were given up   4 the counters
--       5 the day's tokens
-- ARGV  1 worker group   2 worker   3 job   4 reply id   5 the terminal event's body   6 participant
--       7 the group's channel   8 'given up' when the job is to be kept for a person to look at, or ''   9 sid
--       10 what the session's own keys begin with   11 the body to store instead when the reply is automatic and
--       the session wants none any more   12 the counter of how it ended   13 that of such a withdrawn reply
--       14 tokens   15 seconds that the day's tokens are kept   16… further counters, each with an amount
-- Returns the terminal event's id, or 'lost' when another worker has the job or it was answered.

local own, sid = ARGV[10], ARGV[9]
if not lease_of(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) or redis.call('SISMEMBER', own .. 'replies', ARGV[4]) == 0 then
  return 'lost'
end
local body, ended = ARGV[5], ARGV[12]
local unwanted = redis.call('HGET', own .. 'settings', 'policy') == 'off'
if unwanted and redis.call('HGET', own .. 'reply:' .. ARGV[4], 'auto') == '1' then
  body, ended = ARGV[11], ARGV[13]
end
local id = add_entry(KEYS[2], ARGV[7], ARGV[6], body)
if ARGV[8] ~= '' then
  local job = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])[1]
  if job then
    redis.call('XADD', KEYS[3], '*', unpack(job[2]))
  end
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
end_reply(own, ARGV[4])
end_turn(own, KEYS[1], sid)

redis.call('HINCRBY', KEYS[4], ended, 1)
for i = 16, #ARGV, 2 do
  redis.call('HINCRBYFLOAT', KEYS[4], ARGV[i], ARGV[i + 1])
end
if ARGV[14] ~= '0' then
  redis.call('INCRBY', KEYS[5], ARGV[14])
  redis.call('EXPIRE', KEYS[5], ARGV[15])
end
return id
