#!lua flags=no-writes
-- Reads events of a session for the archive.
--
-- KEYS  1 the session's stream
-- given after (the id after which it begins), count (maximum number of entries), bytes (after which it stops)
-- Returns {entries, 1 if there may be more or 0, the number of changed entries, entries in the stream, the border between
-- the archive and the stream}; {} if the session is not in the store.

if redis.call('EXISTS', stream) == 0 then
  return {}
end
local entries, _, more = read_range(stream, 'XRANGE', '(' .. given.after, '+', given.count, given.bytes)
local changes = tonumber(redis.call('HGET', own .. 'archive', 'changes') or 0)
return {entries, more and 1 or 0, changes, redis.call('XLEN', stream), border()}
