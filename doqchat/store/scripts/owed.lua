#!lua flags=no-writes
-- Returns a session's pending replies, for the sweeper. Invalid data is skipped.
--
-- KEYS  1 the session's stream
-- Returns {the current reply or '', its model, its turn or '', its person or '', its lease or '', ms until the lease expires, the time of the scheduled
-- automatic reply or '', {queued reply, its model, …}}

local talking = redis.pcall('GET', own .. 'talking')
talking = type(talking) == 'string' and talking or ''
local fields = redis.pcall('HMGET', key_of(talking), 'llm', 'turn', 'person', 'lease', 'leased_until')
local llm, turn, person, lease, leased_until = unpack(fields)
local at = redis.pcall('HGET', own .. 'due', 'at')
local line = {}
local waiting = redis.pcall('LRANGE', own .. 'line', 0, -1)
for _, reply in ipairs(waiting.err and {} or waiting) do
  local asked = redis.pcall('HGET', key_of(reply), 'llm')
  line[#line + 1] = reply
  line[#line + 1] = type(asked) == 'string' and asked or ''
end
local left = math.floor((tonumber(leased_until) or 0) - now_ms())
return {talking, llm or '', tonumber(turn) or '', person or '', lease or '', left, type(at) == 'string' and at or '', line}
