#!lua flags=allow-oom
-- Notes how far a role has read; never backwards.
--
-- KEYS  1 the session's stream   2 how far each role has read
-- ARGV  1 role   2 entry id
-- Returns 'noted', 'known' when the role had read as far already, or 'missing' when there is no such entry.

if #redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2]) == 0 then
  return 'missing'
end
local known = redis.call('HGET', KEYS[2], ARGV[1])
local knownTime, knownSequence = string.match(known or '', '^(%d+)-(%d+)$')
if knownTime then
  local time, sequence = string.match(ARGV[2], '(%d+)-(%d+)')
  if tonumber(time) < tonumber(knownTime)
    or (tonumber(time) == tonumber(knownTime) and tonumber(sequence) <= tonumber(knownSequence)) then
    return 'known'
  end
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 'noted'
