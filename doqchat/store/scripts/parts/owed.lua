-- Returns the hints of the session's pending replies again, in case they were lost. Duplicated hints are harmless.
local function hint_owed()
  local talking = redis.pcall('GET', own .. 'talking')
  local known = type(talking) == 'string' and redis.pcall('HMGET', own .. 'reply:' .. talking, 'llm', 'lease') or {}
  if known[1] and not known[2] then
    hint('queued', known[1], talking)
  end
  local at = redis.pcall('HGET', own .. 'due', 'at')
  if type(at) == 'string' then
    hint('due', at)
  end
  return hints
end
