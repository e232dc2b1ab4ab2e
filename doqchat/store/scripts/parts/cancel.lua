-- Cancels a reply. Its worker loses the lease and cannot add anything; it is notified, so that it closes the connection
-- to the model.
--
-- `how` has workers (their channel), channel (of the group), participant, body (of the terminal event; the ids, the
-- model and the text are filled in here) and counter (to increment).
local function cancel(reply, how, text)
  local llm = redis.call('HGET', key_of(reply), 'llm') or ''
  local body = filled(filled(how.body, 'reply_id', reply), 'request_id', request_of(reply))
  add_entry(how.channel, how.participant, filled(filled(body, 'model', llm), 'text', text))
  end_reply(reply)
  hint('unqueued', llm, reply)
  hint('counted', how.counter)
  redis.call('PUBLISH', how.workers, 'cancelled ' .. sid .. ' ' .. reply)
end
