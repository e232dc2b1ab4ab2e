#!lua flags=no-writes
-- Returns what a session has in the store besides its events, see parts/state.lua.
--
-- KEYS  1 the session's stream   2 … its idempotency keys

return session_state({unpack(KEYS, 2)})
