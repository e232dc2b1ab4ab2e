-- The border between the archive and the stream: the id of the last event that is only in the archive, or '0-0'.
local function border()
  return redis.call('HGET', own .. 'archive', 'last') or '0-0'
end

-- The id of the session's last event or '0-0', and whether the session is in the store.
local function last_id()
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if last then
    return last[1], true
  end
  return border(), redis.call('EXISTS', stream) == 1
end
