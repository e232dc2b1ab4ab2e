#!lua
-- Has a request that was given up answered once more, by a new reply: the old one has had its end.
--
-- KEYS  1 the jobs that were given up   2 the job queues
-- ARGV  1 job   2 sid   3 the reply that was given up   4 alias of the model   5 '1' for an automatic reply, or '0'
--       6 what the session's own keys begin with
-- Returns the new reply's id, or '' when the job is no longer there.

local reply = next_reply(ARGV[3])
check_line(ARGV[6], KEYS[2], ARGV[4])
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then
  return ''
end
new_reply(ARGV[6], reply, ARGV[4], '', ARGV[5])
stand_in_line(ARGV[6], KEYS[2], ARGV[2], reply)
return reply
