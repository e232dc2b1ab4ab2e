#!lua flags=allow-oom
-- Releases the lease of a reply, so that any worker can take it at once. It does not count as a delivery.
--
-- KEYS  1 the session's stream
-- given reply, lease
-- Returns {'handed over' | 'lost', hints}

local key = key_of(given.reply)
if not has_lease(given.reply, given.lease) or redis.call('SISMEMBER', own .. 'replies', given.reply) == 0 then
  return {'lost', hint_owed()}
end
redis.call('HDEL', key, 'lease', 'leased_until')
redis.call('HINCRBY', key, 'deliveries', -1)
return {'handed over', hint_owed()}
