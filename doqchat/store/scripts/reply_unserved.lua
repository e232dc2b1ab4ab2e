#!lua flags=allow-oom
-- Ends a reply in an error, with what was said so far, unless a worker serves its model by now.
--
-- KEYS  1 the job queues   2 the session's stream   3 the counters
-- given reply, sid, own (what the session's own keys begin with), llm (alias of the model), gone_ms (without a sign of
--       life after which a worker counts as gone), early_end (see parts/interrupt.lua)
-- Returns 1 when it has ended now, otherwise 0.

local reply, own = given.reply, given.own
if workers_at(KEYS[1] .. ':' .. given.llm, given.early_end.group, given.gone_ms) > 0
    or redis.call('SISMEMBER', own .. 'replies', reply) == 0 then
  return 0
end
interrupt(own, KEYS[1], given.sid, reply, KEYS[2], KEYS[3], given.early_end, shown(own, reply))
return 1
