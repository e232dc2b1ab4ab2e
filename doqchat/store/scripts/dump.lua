#!lua flags=no-writes
-- Serialises the keys of a session, at one moment. Connections, typing and locks are omitted: they do not outlive a restart.
--
-- KEYS  1 the session's stream
-- given claims (idempotency keys that are known), since_ms (events since then have others)
-- Returns {{key, expiry in ms or -1, payload of DUMP}, …}

local names = {}
for _, name in ipairs({'archive', 'settings', 'read', 'revoked', 'dead', 'asking', 'current', 'waiting', 'replies', 'due'}) do
  names[#names + 1] = own .. name
end
for _, reply in ipairs(redis.call('SMEMBERS', own .. 'replies')) do
  for _, suffix in ipairs({'', ':text', ':before'}) do
    names[#names + 1] = key_of(reply) .. suffix
  end
end
for _, claim in ipairs(given.claims) do
  names[#names + 1] = claim
end
for _, entry in ipairs(redis.call('XRANGE', stream, given.since_ms, '+')) do
  local fields = {}
  for i = 1, #entry[2], 2 do
    fields[entry[2][i]] = entry[2][i + 1]
  end
  local msg_id = string.match(fields.body or '', '"msg_id":"([^"\\]+)"')
  if msg_id then
    names[#names + 1] = own .. 'msg:' .. (fields.participant or '') .. ':' .. msg_id
  end
end
names[#names + 1] = stream
local dumped = {}
for _, name in ipairs(names) do
  local payload = redis.call('DUMP', name)
  if payload then
    dumped[#dumped + 1] = {name, redis.call('PEXPIRETIME', name), payload}
  end
end
return dumped
