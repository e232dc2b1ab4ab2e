#!lua flags=no-writes
-- Reads a stretch of a session.
--
-- KEYS  1 the session's stream
-- ARGV  1 XRANGE, or XREVRANGE for newest first   2 where the stretch begins and   3 where it ends, as the command takes
--       them   4 entries, at most   5 bytes after which it ends
-- Returns {entries, bytes, 1 when there may be more or 0, the id of the entry before the earliest of them or '0-0'}.

local entries, size, more = stretch(KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
local earliest = entries[ARGV[1] == 'XRANGE' and 1 or #entries]
local earlier = earliest and redis.call('XREVRANGE', KEYS[1], '(' .. earliest[1], '-', 'COUNT', 1)[1]
return {entries, size, more and 1 or 0, earlier and earlier[1] or '0-0'}
