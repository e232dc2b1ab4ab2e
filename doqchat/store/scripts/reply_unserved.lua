#!lua flags=allow-oom
-- Ends a reply in an error, with what was said so far, unless a worker serves its model by now.
--
-- KEYS  1 the job queues   2 the session's stream   3 the counters
-- ARGV  1 reply id   2 sid   3 what the session's own keys begin with   4 alias of the model   5 ms without a sign of
--       life after which a worker counts as gone   6 worker group   7 the workers' channel   8 the group's channel
--       9 participant   10 the terminal event's body, to be filled in   11 the counter of replies that end like this
-- Returns 1 when it has ended now, otherwise 0.

local reply, own = ARGV[1], ARGV[3]
if workers_at(KEYS[1] .. ':' .. ARGV[4], ARGV[6], ARGV[5]) > 0
    or redis.call('SISMEMBER', own .. 'replies', reply) == 0 then
  return 0
end
interrupt(own, KEYS[1], ARGV[2], reply, KEYS[2], KEYS[3], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10],
  shown(own, reply), ARGV[11])
return 1
