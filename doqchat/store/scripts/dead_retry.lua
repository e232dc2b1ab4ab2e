#!lua
-- Has a request that was given up answered once more, by a new reply: the old one has had its end.
--
-- KEYS  1 the jobs that were given up   2 the job queues
-- given job, sid, reply (the one that was given up), llm (alias of the model), auto (1 for an automatic reply, or 0),
--       own (what the session's own keys begin with)
-- Returns the new reply's id, or '' when the job is no longer there.

local reply = next_reply(given.reply)
check_line(given.own, KEYS[2], given.llm)
if redis.call('XDEL', KEYS[1], given.job) == 0 then
  return ''
end
new_reply(given.own, reply, given.llm, '', given.auto)
stand_in_line(given.own, KEYS[2], given.sid, reply)
return reply
