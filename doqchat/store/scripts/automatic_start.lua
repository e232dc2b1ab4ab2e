#!lua flags=allow-oom
-- Starts the automatic reply that a session is due and announces it to the session's group, or drops it.
--
-- When it is dropped, people who have called the assistant get an error; when it fails, all do.
--
-- KEYS  1 the session's stream
-- given what ('start', 'drop' or 'fail'), request (that was due, or '' for any), channel (the group's), told
--       (to start, the frame that announces it; otherwise the body of the event; both to be filled in), participant (of
--       the event), requests_per_minute (to start, the session's, 0 for any number)
-- Returns {'done', hints}; {'late', hints} when it was done already, or another reply has its turn now;
-- {limit, hints, ms until there may be another} when it would be one request too many.

local request, called = unpack(redis.call('HMGET', own .. 'due', 'request', 'called'))
local other = given.request ~= '' and request ~= given.request
if not request or other or redis.call('EXISTS', own .. 'talking') == 1 then
  return {'late', hint_owed()}
end
local llm = redis.pcall('HGET', own .. 'settings', 'llm')
llm = type(llm) == 'string' and llm or 'default'
if given.what == 'start' then
  check_line()
  local asked, rate, now = own .. 'asked', given.requests_per_minute, now_ms()
  local wait = wait_for_rate(asked, rate, now)
  if wait > 0 then
    return {'requests_per_minute', hints, wait}
  end
  count_in_rate(asked, rate, now)
end
redis.call('DEL', own .. 'due')
local reply = 'r' .. request
local told = filled(filled(given.told, 'reply_id', reply), 'request_id', request)
if given.what == 'start' then
  new_reply(reply, llm, '', 1)
  take_turn(reply)
  redis.call('PUBLISH', given.channel, cmsgpack.pack({type = 'session.signal', text = told}))
elseif called or given.what == 'fail' then
  add_entry(given.channel, given.participant, told)
end
return {'done', hints}
