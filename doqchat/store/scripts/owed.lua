#!lua flags=no-writes
-- What a session owes, for the sweeper. What cannot be read of it is left out.
--
-- KEYS  1 the session's stream
-- Returns {the reply that has its turn or '', its model, its lease or '', ms for which that is good, when an automatic
-- reply is due or '', {reply in line, its model, …}}

local talking = redis.pcall('GET', own .. 'talking')
talking = type(talking) == 'string' and talking or ''
local llm, lease, until_then = unpack(redis.pcall('HMGET', key_of(talking), 'llm', 'lease', 'leased_until'))
local at = redis.pcall('HGET', own .. 'due', 'at')
local line = {}
local waiting = redis.pcall('LRANGE', own .. 'line', 0, -1)
for _, reply in ipairs(waiting.err and {} or waiting) do
  local asked = redis.pcall('HGET', key_of(reply), 'llm')
  line[#line + 1] = reply
  line[#line + 1] = type(asked) == 'string' and asked or ''
end
return {
  talking, llm or '', lease or '', math.floor((tonumber(until_then) or 0) - now_ms()), type(at) == 'string' and at or '', line,
}
