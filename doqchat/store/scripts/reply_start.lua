#!lua flags=allow-oom
-- Starts the automatic reply that a session is due and tells the session's group that one will come, or drops it.
--
-- Who has called the assistant is told of it when the reply is dropped; when it fails, everybody is.
--
-- KEYS  1 the sessions that are due an automatic reply   2 the job queues   3 the session's stream
-- given what ('start', 'drop' or 'fail'), sid, own (what the session's own keys begin with), channel (the group's), told
--       (to start, the frame that announces it; otherwise the body of the event; both to be filled in), participant (of
--       the event), requests_per_minute (to start, the session's, 0 for any number)
-- Returns {'done'}; {'late'} when it was done already, or somebody has said more or begun to talk meanwhile;
-- {limit, ms until there may be another} when it would be one request too many.

local sid, own = given.sid, given.own
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = tonumber(redis.call('ZSCORE', KEYS[1], sid))
if not due or due > now or redis.call('EXISTS', own .. 'talking') == 1 then
  return {'late'}
end
local llm = redis.pcall('HGET', own .. 'settings', 'llm')
llm = type(llm) == 'string' and llm or 'default'
if given.what == 'start' then
  check_line(own, KEYS[2], llm)
  local asked, rate = own .. 'asked', given.requests_per_minute
  local wait = wait_for_rate(asked, rate, now)
  if wait > 0 then
    return {'requests_per_minute', wait}
  end
  count_in_rate(asked, rate, now)
end
local request, called = unpack(redis.call('HMGET', own .. 'due', 'request', 'called'))
redis.call('DEL', own .. 'due')
redis.call('ZREM', KEYS[1], sid)
if not request then
  return {'late'}
end
local reply = 'r' .. request
local told = filled(filled(given.told, 'reply_id', reply), 'request_id', request)
if given.what == 'start' then
  new_reply(own, reply, llm, '', 1)
  take_turn(own, KEYS[2], sid, reply)
  redis.call('PUBLISH', given.channel, cmsgpack.pack({type = 'session.signal', text = told}))
elseif called or given.what == 'fail' then
  add_entry(KEYS[3], given.channel, given.participant, told)
end
return {'done'}
