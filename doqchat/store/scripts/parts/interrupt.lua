-- Ends a reply now, whoever writes it: with the reply its worker loses the lease, so it cannot add anything. The workers
-- are notified, so that the one which has it closes the connection to the model.
--
-- `ending` has workers (their channel), channel (the session group's), participant, body (of the terminal event, of
-- which the ids, the model and the text are to be filled in) and counter (of replies that end like this).
local function interrupt(reply, ending, text)
  local llm = redis.call('HGET', key_of(reply), 'llm') or ''
  local body = filled(filled(ending.body, 'reply_id', reply), 'request_id', request_of(reply))
  add_entry(ending.channel, ending.participant, filled(filled(body, 'model', llm), 'text', text))
  end_reply(reply)
  hint('unqueued', llm, reply)
  hint('counted', ending.counter)
  redis.call('PUBLISH', ending.workers, 'interrupted ' .. sid .. ' ' .. reply)
end
