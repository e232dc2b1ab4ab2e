#!lua flags=allow-oom
-- Deletes an idle session from the store. Its events and its state are in the archive.
--
-- KEYS  1 the session's stream   2 … its idempotency keys
-- given last (the last event in the archive), changes (the number of changed entries when it was copied), state (in the
--       archive, see parts/state.lua; nil to only check the session), idle_ms (how long there must have been no event),
--       deadline (ms of the store's clock, until which the archiver holds its lock)
-- Returns 1 if it is deleted, or can be; 0 after the deadline, if it is in use, or has changed since it was copied.

local last = last_id()
local changes = tonumber(redis.call('HGET', own .. 'archive', 'changes') or 0)
local now = now_ms()
local in_use = redis.call('EXISTS', own .. 'in_use', own .. 'current', own .. 'replies', own .. 'waiting', own .. 'due')
if last ~= given.last or changes ~= given.changes or in_use > 0
  or now > given.deadline or now - tonumber(string.match(last, '^%d+')) < given.idle_ms
  or redis.call('ZCOUNT', own .. 'presence', now / 1000, '+inf') > 0
  or (given.state and session_state({unpack(KEYS, 2)}) ~= given.state) then
  return 0
elseif not given.state then
  return 1
end
local used = {}
for _, name in ipairs({
  'archive', 'settings', 'read', 'revoked', 'dead', 'presence', 'typing', 'asking', 'rates', 'asked', 'rewritten',
}) do
  used[#used + 1] = own .. name
end
redis.call('DEL', unpack(used))
redis.call('DEL', unpack(KEYS))
return 1
