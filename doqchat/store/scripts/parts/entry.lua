-- Adds an entry to a session's stream and tells the session's group of it, with the id of the entry before.
local function add_entry(stream, channel, participant, body)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  local prev = last and last[1] or '0-0'
  local id = redis.call('XADD', stream, '*', 'participant', participant, 'body', body)
  redis.call('PUBLISH', channel, cmsgpack.pack({type = 'session.entry', id = id, prev = prev, body = body}))
  return id
end
