#!lua flags=allow-oom
-- Ends a reply now, with what was said so far.
--
-- KEYS  1 the job queues   2 the session's stream   3 the counters
-- ARGV  1 reply id   2 sid   3 what the session's own keys begin with   4 worker group   5 the workers' channel
--       6 the group's channel   7 participant   8 the terminal event's body, to be filled in   9 the counter of replies
--       that end like this
-- Returns 1 when it is over now, 0 when it is not under way.

local reply, own = ARGV[1], ARGV[3]
if redis.call('SISMEMBER', own .. 'replies', reply) == 0 then
  return 0
end
interrupt(own, KEYS[1], ARGV[2], reply, KEYS[2], KEYS[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8],
  shown(own, reply), ARGV[9])
return 1
