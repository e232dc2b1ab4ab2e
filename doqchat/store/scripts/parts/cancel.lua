-- Cancels a reply. Its worker loses the lease and cannot add anything; it is notified, so that it closes the connection
-- to the model.
--
-- `how` has workers (their channel), channel (of the group), participant, event (the terminal one, see event.lua; the
-- model and the text are set here) and counter (to increment).
local function cancel(reply, how, text)
  local llm, model = unpack(redis.call('HMGET', key_of(reply), 'llm', 'model'))
  local bd = how.event.bd
  bd.text, bd.model = text, bd.model and (model or llm or '')
  local event = event_json(how.event, reply)
  add_entry(how.channel, how.participant, event)
  end_reply(reply)
  hint('ended', event)
  hint('unqueued', llm or '', reply)
  hint('counted', how.counter)
  redis.call('PUBLISH', how.workers, 'cancelled ' .. sid .. ' ' .. reply)
end
