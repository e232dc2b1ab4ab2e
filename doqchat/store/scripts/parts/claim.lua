-- What an append that has run before has stored, if the claim says so: {id, 'duplicate' | 'conflict'}.
local function claimed(claim, digest)
  local known = redis.call('GET', claim)
  if known then
    local id, before = string.match(known, '^(%S+) (%S*)$')
    return {id or '', before == digest and 'duplicate' or 'conflict', {}}
  end
end
