-- Adds an entry to the session's stream and publishes it to the group, with the id of the previous entry. A caller
-- that traces gives the traceparent of its span.
local function add_entry(channel, participant, body, prev)
  prev = prev or last_id()
  local id = redis.call('XADD', stream, '*', 'participant', participant, 'body', body)
  local message = {type = 'session.entry', id = id, prev = prev, body = body, traceparent = given.traceparent}
  redis.call('PUBLISH', channel, cmsgpack.pack(message))
  return id
end
