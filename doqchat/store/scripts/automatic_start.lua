#!lua flags=allow-oom
-- Starts the session's scheduled automatic reply and announces it to the group, or drops it.
--
-- If it is dropped, the session gets an error only if the assistant was mentioned; if it fails, always.
--
-- KEYS  1 the session's stream
-- given what ('start', 'drop' or 'fail'), request (the scheduled one, or '' for any), channel (of the group), event (to
--       start, the one that announces the reply; otherwise the error; see parts/event.lua), participant (of the event),
--       requests_per_minute (to start, the session's limit, 0 for none)
-- Returns {'done', hints}; {'late', hints} if it is no longer scheduled, or another reply is running;
-- {limit, hints, ms until the next request is allowed} if the reply exceeds the limit.

local request, called, person = unpack(redis.call('HMGET', own .. 'due', 'request', 'called', 'person'))
local other = given.request ~= '' and request ~= given.request
if not request or other or redis.call('EXISTS', own .. 'current') == 1 then
  return {'late', hint_owed()}
end
local llm = redis.pcall('HGET', own .. 'settings', 'llm')
llm = type(llm) == 'string' and llm or 'default'
if given.what == 'start' then
  check_waiting()
  local asked, rate, now = own .. 'asked', given.requests_per_minute, now_ms()
  local wait = wait_for_rate(asked, rate, now)
  if wait > 0 then
    return {'requests_per_minute', hints, wait}
  end
  count_in_rate(asked, rate, now)
end
redis.call('DEL', own .. 'due')
local reply = 'r' .. request
local text = event_json(given.event, reply)
if given.what == 'start' then
  new_reply(reply, llm, '', 1, person)
  make_current(reply)
  redis.call('PUBLISH', given.channel, cmsgpack.pack({type = 'session.signal', text = text}))
elseif called or given.what == 'fail' then
  add_entry(given.channel, given.participant, text)
  hint('ended', text)
end
return {'done', hints}
