-- What a session has in the store besides its events and what expires within minutes, as JSON: hashes and sets as
-- flat lists, and idempotency keys as {key, value, expiry in ms}. Equal states give equal texts.
local function session_state(claims)
  local state = {
    settings = redis.call('HGETALL', own .. 'settings'),
    read = redis.call('HGETALL', own .. 'read'),
    revoked = redis.call('HGETALL', own .. 'revoked'),
    dead = redis.call('SMEMBERS', own .. 'dead'),
    claims = {},
  }
  for i = 1, #claims do
    local value = redis.call('GET', claims[i])
    if value then
      state.claims[#state.claims + 1] = {claims[i], value, redis.call('PEXPIRETIME', claims[i])}
    end
  end
  return cjson.encode(state)
end
