#!lua flags=allow-oom
-- Adds a piece to a reply and publishes it to the session's group; an empty piece only renews the lease.
-- A worker that has lost its lease writes nothing. A piece that is sent twice is added once: it says where it begins.
--
-- KEYS  1 the session's stream
-- given reply, lease, lease_ms (for which it is good from now), piece, begins (bytes of the reply before it), channel
--       (the group's), frame (for clients)
-- Returns {'ok'}; {'behind', bytes that are there} when some of the reply before the piece is not there any more, as after
-- a failover to a replica; {'lost'} when another worker has the lease or the reply has ended.

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
