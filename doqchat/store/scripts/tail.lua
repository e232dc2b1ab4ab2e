#!lua flags=no-writes
-- Returns the last id of a session.
--
-- KEYS  1 the session's stream
-- Returns {the id or '0-0', 1 if the session is in the store or 0}

local last, there = last_id()
return {last, there and 1 or 0}
