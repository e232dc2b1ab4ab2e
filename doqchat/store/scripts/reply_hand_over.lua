#!lua flags=allow-oom
-- Gives up the lease of a reply, for any worker to take it at once. That this worker leaves does not count as a death.
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
