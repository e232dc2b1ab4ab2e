#!lua flags=allow-oom
-- Starts the automatic reply that a session is due and tells the session's group that one will come, or drops it.
--
-- Who has called the assistant is told of it when the reply is dropped; when it fails, everybody is.
--
-- KEYS  1 the sessions that are due an automatic reply   2 the job queues   3 the session's stream
-- ARGV  1 'start', 'drop' or 'fail'   2 sid   3 what the session's own keys begin with   4 the group's channel
--       5 to start, the frame that tells of it; otherwise the body of the event that does; both to be filled in
--       6 the event's participant   7 to start, the session's requests a minute, or 0 for any number
-- Returns {'done'}; {'late'} when it was done already, or somebody has said more or begun to talk meanwhile;
-- {limit, ms until there may be another} when it would be one request too many.

local sid, own = ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = tonumber(redis.call('ZSCORE', KEYS[1], sid))
if not due or due > now or redis.call('EXISTS', own .. 'talking') == 1 then
  return {'late'}
end
local llm = redis.pcall('HGET', own .. 'settings', 'llm')
llm = type(llm) == 'string' and llm or 'default'
if ARGV[1] == 'start' then
  check_line(own, KEYS[2], llm)
  local asked, rate = own .. 'asked', tonumber(ARGV[7])
  local wait = wait_for_rate(asked, rate, now)
  if wait > 0 then
    return {'requests_a_minute', wait}
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
local told = filled(filled(ARGV[5], 'reply_id', reply), 'request_id', request)
if ARGV[1] == 'start' then
  new_reply(own, reply, llm, '', 1)
  take_turn(own, KEYS[2], sid, reply)
  redis.call('PUBLISH', ARGV[4], cmsgpack.pack({type = 'session.signal', text = told}))
elseif called or ARGV[1] == 'fail' then
  add_entry(KEYS[3], ARGV[4], ARGV[6], told)
end
return {'done'}
