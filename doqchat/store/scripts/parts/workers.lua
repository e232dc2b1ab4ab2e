-- How many workers have shown themselves at a queue within so many ms: as they read it, or as they write an answer.
local function workers_at(queue, group, ms)
  local found = redis.pcall('XINFO', 'CONSUMERS', queue, group)
  local count = 0
  for _, consumer in ipairs(found.err and {} or found) do
    for i = 1, #consumer, 2 do
      if consumer[i] == 'idle' and consumer[i + 1] <= tonumber(ms) then
        count = count + 1
      end
    end
  end
  return count
end
