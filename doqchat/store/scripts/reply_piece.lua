#!lua flags=allow-oom
-- Adds a piece to a reply and tells the session's group; an empty piece only keeps the lease.
-- A worker that has lost its lease writes nothing. A piece that is sent twice is added once: it says where it begins.
--
-- KEYS  1 the job's queue   2 the reply   3 its text   4 what the attempt before has said
-- ARGV  1 worker group   2 worker   3 job   4 piece   5 bytes of the reply before it   6 the group's channel
--       7 the frame for clients
-- Returns {'ok'}; {'behind', bytes that are there} when some of the reply before the piece is not there any more, as after
-- a failover to a replica; {'lost'} when another worker has the job or the reply has ended.

if not lease_of(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then
  return {'lost'}
end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
local there, before = redis.call('STRLEN', KEYS[3]), tonumber(ARGV[5])
if ARGV[4] ~= '' and there < before then
  return {'behind', there}
elseif ARGV[4] ~= '' and there == before then
  redis.call('APPEND', KEYS[3], ARGV[4])
  redis.call('DEL', KEYS[4])
  redis.call('HSET', KEYS[2], 'state', 'streaming')
  redis.call('PUBLISH', ARGV[6], cmsgpack.pack({type = 'session.signal', text = ARGV[7]}))
end
return {'ok'}
