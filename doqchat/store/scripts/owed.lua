#!lua flags=no-writes
-- Returns a session's pending replies, for the sweeper. Invalid data is skipped.
--
-- KEYS  1 the session's stream
-- Returns {the current reply or '', its model, its turn or '', its person or '', its lease or '', ms until the lease
-- expires, the time of the scheduled automatic reply or '', {queued reply, its model, …}}.

local current = redis.pcall('GET', own .. 'current')
current = type(current) == 'string' and current or ''
local fields = redis.pcall('HMGET', key_of(current), 'llm', 'turn', 'person', 'lease', 'leased_until')
local llm, turn, person, lease, leased_until = unpack(fields)
local at = redis.pcall('HGET', own .. 'due', 'at')
local queued = {}
local waiting = redis.pcall('LRANGE', own .. 'waiting', 0, -1)
for _, reply in ipairs(waiting.err and {} or waiting) do
  local asked = redis.pcall('HGET', key_of(reply), 'llm')
  queued[#queued + 1] = reply
  queued[#queued + 1] = type(asked) == 'string' and asked or ''
end
local left = math.floor((tonumber(leased_until) or 0) - now_ms())
at = type(at) == 'string' and at or ''
return {current, llm or '', tonumber(turn) or '', person or '', lease or '', left, at, queued}
