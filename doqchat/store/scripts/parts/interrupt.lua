-- Ends a reply now, whoever writes it: with its job its worker loses the right to add anything. The worker is told, so
-- that it hangs up on the model.
--
-- `ending` has group (of workers), workers (their channel), channel (the session group's), participant, body (of the
-- terminal event, of which the ids, the model and the text are to be filled in) and counter (of replies that end like
-- this).
local function interrupt(own, queues, sid, reply, stream, counters, ending, text)
  local known = redis.call('HMGET', own .. 'reply:' .. reply, 'job', 'llm')
  if known[1] then
    local queue = queues .. ':' .. known[2]
    redis.call('XACK', queue, ending.group, known[1])
    redis.call('XDEL', queue, known[1])
  end
  local body = filled(filled(ending.body, 'reply_id', reply), 'request_id', request_of(reply))
  add_entry(stream, ending.channel, ending.participant, filled(filled(body, 'model', known[2] or ''), 'text', text))
  end_reply(own, queues, sid, reply)
  redis.call('HINCRBY', counters, ending.counter, 1)
  redis.call('PUBLISH', ending.workers, sid .. ' ' .. reply)
end
