-- Ends a reply now, whoever writes it: with its job its worker loses the right to add anything. The worker is told, so
-- that it hangs up on the model. `terminal` is the event's body, of which the ids, the model and the text are to be
-- filled in.
local function interrupt(own, queues, sid, reply, stream, counters, group, workers, channel, participant, terminal,
    text, counter)
  local known = redis.call('HMGET', own .. 'reply:' .. reply, 'job', 'llm')
  if known[1] then
    local queue = queues .. ':' .. known[2]
    redis.call('XACK', queue, group, known[1])
    redis.call('XDEL', queue, known[1])
  end
  local body = filled(filled(terminal, 'reply_id', reply), 'request_id', request_of(reply))
  add_entry(stream, channel, participant, filled(filled(body, 'model', known[2] or ''), 'text', text))
  end_reply(own, queues, sid, reply)
  redis.call('HINCRBY', counters, counter, 1)
  redis.call('PUBLISH', workers, sid .. ' ' .. reply)
end
