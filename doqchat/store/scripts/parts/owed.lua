-- Returns the hints of the session's pending replies again, in case they were lost. Duplicated hints are harmless.
local function hint_owed()
  local current = redis.pcall('GET', own .. 'current')
  local reply = type(current) == 'string' and own .. 'reply:' .. current
  local known = reply and redis.pcall('HMGET', reply, 'llm', 'lease', 'turn', 'person') or {}
  if known[1] and not known[2] then
    hint('queued', known[1], current, tonumber(known[3]) or '', known[4] or '')
  end
  local at = redis.pcall('HGET', own .. 'due', 'at')
  if type(at) == 'string' then
    hint('due', at)
  end
  return hints
end
