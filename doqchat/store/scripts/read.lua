#!lua flags=allow-oom
-- Moves the read receipt of a role forwards.
--
-- KEYS  1 the session's stream   2 the read receipts
-- given role, id (of the entry)
-- Returns 'noted', 'known' if the mark is there or further, or 'missing' if there is no such entry.

if #redis.call('XRANGE', KEYS[1], given.id, given.id) == 0 then
  return 'missing'
end
local known = redis.call('HGET', KEYS[2], given.role)
local knownTime, knownSequence = string.match(known or '', '^(%d+)-(%d+)$')
if knownTime then
  local time, sequence = string.match(given.id, '(%d+)-(%d+)')
  if tonumber(time) < tonumber(knownTime)
    or (tonumber(time) == tonumber(knownTime) and tonumber(sequence) <= tonumber(knownSequence)) then
    return 'known'
  end
end
redis.call('HSET', KEYS[2], given.role, given.id)
return 'noted'
