-- Whether a worker holds the lease of a reply. An expired lease is valid until another worker takes it.
local function has_lease(reply, lease)
  return redis.call('HGET', key_of(reply), 'lease') == lease
end
