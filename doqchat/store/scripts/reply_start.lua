-- Starts the automatic reply that a session is due and tells the session's group that one will come, or drops it.
--
-- KEYS  1 the sessions that are due an automatic reply   2 the job queues
-- ARGV  1 'start' or 'drop'   2 sid   3 what the session's own keys begin with   4 the group's channel
--       5 the frame for clients, to be filled in
-- Returns 1 when that was done, 0 when it was done already, or somebody has said more or begun to talk meanwhile.

local sid, own = ARGV[2], ARGV[3]
local time = redis.call('TIME')
local due = tonumber(redis.call('ZSCORE', KEYS[1], sid))
if not due or due > time[1] * 1000 + time[2] / 1000 or redis.call('EXISTS', own .. 'talking') == 1 then
  return 0
end
local request = redis.call('HGET', own .. 'due', 'request')
redis.call('DEL', own .. 'due')
redis.call('ZREM', KEYS[1], sid)
if not request then
  return 0
end
if ARGV[1] == 'start' then
  local reply = 'r' .. request
  new_reply(own, reply, redis.call('HGET', own .. 'settings', 'llm') or 'default', '', 1)
  take_turn(own, KEYS[2], sid, reply)
  local frame = filled(filled(ARGV[5], 'reply_id', reply), 'request_id', request)
  redis.call('PUBLISH', ARGV[4], cmsgpack.pack({type = 'session.signal', text = frame}))
end
return 1
