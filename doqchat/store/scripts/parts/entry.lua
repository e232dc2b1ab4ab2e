-- Adds an entry to the session's stream and publishes it to the group, with the id of the previous entry.
local function add_entry(channel, participant, body, prev)
  prev = prev or last_id()
  local id = redis.call('XADD', stream, '*', 'participant', participant, 'body', body)
  redis.call('PUBLISH', channel, cmsgpack.pack({type = 'session.entry', id = id, prev = prev, body = body}))
  return id
end
