#!lua flags=allow-oom
-- Brings a session that has left the store back to it, without events: its next one follows those in the archive.
-- Also in a full store, because archived sessions stay readable.
--
-- KEYS  1 the session's stream
-- given last (the last event in the archive), events (their number), changes (the number of changed entries when they
--       were copied), state (see parts/state.lua), kept_ms (how long it is in use)
-- Returns 1 if it was brought back, 0 if it is in the store.

redis.call('SET', own .. 'in_use', 1, 'PX', given.kept_ms)
if redis.call('EXISTS', stream) == 1 then
  return 0
end
-- An empty stream that knows the last id, so that later ids are higher even if the clock was set back.
redis.call('XADD', stream, given.last, 'participant', '')
redis.call('XDEL', stream, given.last)
redis.call('HSET', own .. 'archive', 'last', given.last, 'events', given.events, 'trimmed', 1, 'changes', given.changes)
if given.events == 0 then
  redis.call('HSET', own .. 'archive', 'expired', 1)
end
for _, name in ipairs({'settings', 'read', 'revoked'}) do
  local flat = given.state[name] or {}
  for i = 1, #flat, 2 do
    redis.call('HSETNX', own .. name, flat[i], flat[i + 1])
  end
end
for _, reply in ipairs(given.state.dead or {}) do
  redis.call('SADD', own .. 'dead', reply)
end
for _, claim in ipairs(given.state.claims or {}) do
  if claim[3] > now_ms() then
    redis.call('SET', claim[1], claim[2], 'PXAT', string.format('%d', claim[3]))
  end
end
return 1
