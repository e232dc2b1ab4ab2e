#!lua
-- Retries a dead letter with a new reply, because the old one has its terminal event.
--
-- KEYS  1 the session's stream
-- given reply (the dead letter's), llm (alias of the model), auto (1 for an automatic reply, or 0)
-- Returns {the new reply's id, hints}; for the id '' if the session has no such dead letter, or 'closed' if a moderator
-- has closed it.

local reply = next_reply(given.reply)
check_waiting()
if redis.call('HEXISTS', own .. 'settings', 'closed') == 1 then
  return {'closed', hint_owed()}
end
if redis.call('SREM', own .. 'dead', given.reply) == 0 then
  return {'', hint_owed()}
end
new_reply(reply, given.llm, '', given.auto)
enqueue(reply)
return {reply, hints}
