#!lua flags=allow-oom
-- Ends a reply now, with what was said so far.
--
-- KEYS  1 the job queues   2 the session's stream   3 the counters
-- given reply, sid, own (what the session's own keys begin with), early_end (see parts/interrupt.lua)
-- Returns 1 when it is over now, 0 when it is not under way.

local reply, own = given.reply, given.own
if redis.call('SISMEMBER', own .. 'replies', reply) == 0 then
  return 0
end
interrupt(own, KEYS[1], given.sid, reply, KEYS[2], KEYS[3], given.early_end, shown(own, reply))
return 1
