-- The border between the archive and the stream: the id of the last event that is only in the archive, or '0-0'.
local function border()
  return redis.call('HGET', own .. 'archive', 'last') or '0-0'
end

-- Whether an id is not after another one.
local function is_up_to(id, other)
  local time, sequence = string.match(id, '^(%d+)-(%d+)$')
  local other_time, other_sequence = string.match(other, '^(%d+)-(%d+)$')
  time, sequence = tonumber(time), tonumber(sequence)
  other_time, other_sequence = tonumber(other_time or -1), tonumber(other_sequence or -1)
  return time < other_time or (time == other_time and sequence <= other_sequence)
end

-- The id of the session's last event or '0-0', and whether the session is in the store.
local function last_id()
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if last then
    return last[1], true
  end
  return border(), redis.call('EXISTS', stream) == 1
end
