#!lua
-- Notes that a connection has joined or left a session, and lists it among the open ones of its process.
--
-- KEYS  1 the stream of notes
-- given process, type (member.joined or member.left), connection, data (of the note), most (notes that are kept),
--       kept_seconds (how long the lists are kept without a worker)
-- A connection that is not listed leaves no note when it leaves: it has been noted as lost.

local processes = '{' .. KEYS[1] .. '}:processes'
local open = '{' .. KEYS[1] .. '}:open:' .. given.process
if given.type == 'member.joined' then
  redis.call('HSET', open, given.connection, given.data)
  redis.call('ZADD', processes, now_ms(), given.process)
  redis.call('EXPIRE', open, given.kept_seconds)
  redis.call('EXPIRE', processes, given.kept_seconds)
elseif redis.call('HDEL', open, given.connection) == 0 then
  return
end
if redis.call('EXISTS', open) == 0 then
  redis.call('ZREM', processes, given.process)
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', given.most, '*', 'type', given.type, 'data', given.data)
