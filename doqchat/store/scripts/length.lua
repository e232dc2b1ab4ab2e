#!lua flags=no-writes
-- Returns the number of events of a session.
--
-- KEYS  1 the session's stream
-- Returns {their number, in the stream and before it, 1 if the session is in the store or 0}

local archived = tonumber(redis.call('HGET', own .. 'archive', 'events') or 0)
return {redis.call('XLEN', stream) + archived, redis.call('EXISTS', stream)}
