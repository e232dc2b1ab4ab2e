#!lua flags=allow-oom
-- Adds a piece to a reply and tells the session's group; an empty piece only keeps the lease.
-- A worker that has lost its lease writes nothing. A piece that is sent twice is added once: it says where it begins.
--
-- KEYS  1 the job's queue   2 the reply   3 its text   4 what the attempt before has said
-- given group, worker, job, piece, begins (bytes of the reply before it), channel (the group's), frame (for clients)
-- Returns {'ok'}; {'behind', bytes that are there} when some of the reply before the piece is not there any more, as after
-- a failover to a replica; {'lost'} when another worker has the job or the reply has ended.

if not lease_of(KEYS[1], given.group, given.worker, given.job) then
  return {'lost'}
end
redis.call('XCLAIM', KEYS[1], given.group, given.worker, 0, given.job, 'JUSTID')
local there, before = redis.call('STRLEN', KEYS[3]), given.begins
if given.piece ~= '' and there < before then
  return {'behind', there}
elseif given.piece ~= '' and there == before then
  redis.call('APPEND', KEYS[3], given.piece)
  redis.call('DEL', KEYS[4])
  redis.call('HSET', KEYS[2], 'state', 'streaming')
  redis.call('PUBLISH', given.channel, cmsgpack.pack({type = 'session.signal', text = given.frame}))
end
return {'ok'}
