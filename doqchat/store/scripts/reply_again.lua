#!lua
-- Has a request that was given up answered by a new reply: the old one has had its terminal event.
--
-- KEYS  1 the session's stream
-- given reply (the one that was given up), llm (alias of the model), auto (1 for an automatic reply, or 0)
-- Returns {the new reply's id, hints}; '' for the id when the session has no such dead letter (any more).

local reply = next_reply(given.reply)
check_line()
if redis.call('SREM', own .. 'dead', given.reply) == 0 then
  return {'', hint_owed()}
end
new_reply(reply, given.llm, '', given.auto)
stand_in_line(reply)
return {reply, hints}
