#!lua flags=allow-oom
-- Removes the oldest events of a session from the store. They are in the archive.
--
-- KEYS  1 the session's stream
-- given through (the last one), border (before that), changes (the number of changed entries when they were copied),
--       deadline (ms of the store's clock, until which the archiver holds its lock; nil for none)
-- Returns the number of removed entries; -1 after the deadline, or if the session has changed, so that the archive may not
-- have all of them.

local changes = tonumber(redis.call('HGET', own .. 'archive', 'changes') or 0)
local late = given.deadline and now_ms() > given.deadline
if late or changes ~= given.changes or border() ~= given.border then
  return -1
end
local time, sequence = string.match(given.through, '^(%d+)-(%d+)$')
local removed = redis.call('XTRIM', stream, 'MINID', '=', time .. '-' .. string.format('%d', sequence + 1))
redis.call('HSET', own .. 'archive', 'last', given.through)
redis.call('HINCRBY', own .. 'archive', 'trimmed', removed)
redis.call('HINCRBY', own .. 'archive', 'events', removed)
redis.call('HDEL', own .. 'archive', 'expired')
return removed
