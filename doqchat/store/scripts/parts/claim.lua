-- What an earlier run of an append has stored, according to its idempotency key: {id, 'duplicate' | 'conflict', {}},
-- or nil.
local function claimed(claim, digest)
  local known = redis.call('GET', claim)
  if known then
    local id, before = string.match(known, '^(%S+) (%S*)$')
    return {id or '', before == digest and 'duplicate' or 'conflict', {}}
  end
end
