-- Whether a worker still has the lease of a reply. One that has run out is good until another worker takes it.
local function has_lease(reply, lease)
  return redis.call('HGET', key_of(reply), 'lease') == lease
end
