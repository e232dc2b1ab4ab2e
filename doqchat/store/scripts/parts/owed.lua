-- Returns the hints of the session's pending replies again, in case they were lost. Duplicated hints are harmless.
local function hint_owed()
  local talking = redis.pcall('GET', own .. 'talking')
  local reply = type(talking) == 'string' and own .. 'reply:' .. talking
  local known = reply and redis.pcall('HMGET', reply, 'llm', 'lease', 'turn', 'person') or {}
  if known[1] and not known[2] then
    hint('queued', known[1], talking, tonumber(known[3]) or '', known[4] or '')
  end
  local at = redis.pcall('HGET', own .. 'due', 'at')
  if type(at) == 'string' then
    hint('due', at)
  end
  return hints
end
