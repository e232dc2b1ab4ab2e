#!lua flags=allow-oom
-- Adds a piece to a reply and publishes it to the group; an empty piece only renews the lease.
-- A worker without the lease writes nothing. A piece has an offset, so that a repeat is added once.
--
-- KEYS  1 the session's stream
-- given reply, lease, lease_ms (until it expires), piece, begins (offset of the piece in bytes), channel (of the
--       group), frame (for clients)
-- Returns {'ok'}; {'behind', stored bytes} if text before the piece is missing, for example after a failover to a
-- replica; {'lost'} if another worker holds the lease or the reply has ended.

if not has_lease(given.reply, given.lease) then
  return {'lost'}
end
local key = key_of(given.reply)
local there, before = redis.call('STRLEN', key .. ':text'), given.begins
local adds = given.piece ~= '' and there == before
if adds then
  redis.call('APPEND', key .. ':text', given.piece)
  redis.call('DEL', key .. ':before')
  redis.call('HSET', key, 'state', 'streaming')
  redis.call('PUBLISH', given.channel, cmsgpack.pack({type = 'session.signal', text = given.frame}))
end
redis.call('HSET', key, 'leased_until', now_ms() + given.lease_ms)
if given.piece ~= '' and there < before then
  return {'behind', there}
end
return {'ok'}
