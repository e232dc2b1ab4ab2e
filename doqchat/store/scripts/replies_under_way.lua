-- Takes a snapshot of all replies under way in a session.
--
-- KEYS  1 the set of replies under way
-- ARGV  1 what the keys of this session's replies begin with
-- Returns {reply id, attempt or false, state or false, text or false} for each.

local found = {}
for _, reply in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local key = ARGV[1] .. reply
  local known = redis.call('HMGET', key, 'attempt', 'state')
  found[#found + 1] = {reply, known[1], known[2], redis.call('GET', key .. ':text')}
end
return found
