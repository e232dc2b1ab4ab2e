-- Ends a reply with what was said so far: at once when no worker has it yet, else by calling out to its worker.
--
-- KEYS  1 the job queue   2 the session's stream   3 the counters
-- ARGV  1 reply id   2 worker group   3 the workers' channel   4 the terminal event's body, for a reply of which
--       nothing was said   5 participant   6 the group's channel   7 sid   8 what the session's own keys begin with
--       9 the counter of cancelled replies
-- Returns 'cancelled', 'ended' when there is nothing left to cancel, or 'missing' when there is no such reply.

local reply, own, sid = ARGV[1], ARGV[8], ARGV[7]
if redis.call('SISMEMBER', own .. 'replies', reply) == 0 then
  local request = request_of(reply)
  return request ~= '' and #redis.call('XRANGE', KEYS[2], request, request) > 0 and 'ended' or 'missing'
end
local function end_unsaid()
  add_entry(KEYS[2], ARGV[6], ARGV[5], ARGV[4])
  end_reply(own, reply)
  redis.call('HINCRBY', KEYS[3], ARGV[9], 1)
end

if redis.call('LREM', own .. 'line', 0, reply) > 0 then
  end_unsaid()
  return 'cancelled'
end
local job = redis.call('HGET', own .. 'reply:' .. reply, 'job')
local taken = job and redis.pcall('XPENDING', KEYS[1], ARGV[2], job, job, 1)
local untaken = job and (taken.err or #taken == 0)
if untaken and redis.call('XDEL', KEYS[1], job) == 1 then
  end_unsaid()
  end_turn(own, KEYS[1], sid)
  return 'cancelled'
end
redis.call('HSET', own .. 'reply:' .. reply, 'ended', 'cancelled')
redis.call('PUBLISH', ARGV[3], sid .. ' ' .. reply .. ' cancelled')
return 'cancelled'
