#!lua flags=no-writes
-- Reads a range of a session.
--
-- KEYS  1 the session's stream
-- given command (XRANGE, or XREVRANGE for newest first), begins, ends (arguments of the command), count (maximum number
--       of entries), bytes (after which it stops), after (an id: return no entries if the border is after it, because the
--       caller reads the archive first; nil to return them)
-- An entry is the first if retention has removed all before it: its previous id is '0-0'.
-- Returns {entries, bytes, 1 if there may be more or 0, the id of the entry before the earliest of them, the border
-- between the archive and the stream, or '' if the session is not in the store}.

if given.after and not is_up_to(border(), given.after) then
  return {{}, 0, 1, '0-0', border()}
end
local entries, size, more = read_range(KEYS[1], given.command, given.begins, given.ends, given.count, given.bytes)
local earliest = entries[given.command == 'XRANGE' and 1 or #entries]
local earlier = earliest and redis.call('XREVRANGE', KEYS[1], '(' .. earliest[1], '-', 'COUNT', 1)[1]
local beginning = border()
local expired = redis.call('HEXISTS', own .. 'archive', 'expired') == 1
local there = earliest or redis.call('EXISTS', KEYS[1]) == 1
return {entries, size, more and 1 or 0, earlier and earlier[1] or (expired and '0-0' or beginning), there and beginning or ''}
