#!lua flags=allow-oom
-- Removes what an event says: its entry becomes a placeholder with the same id. An active reply to it is cancelled.
--
-- An entry of a stream cannot be changed, so the stream is replaced by a copy.
--
-- KEYS  1 the session's stream   2 the key of the copy
-- given id, placeholder (its body), channel (of the group), participant and body (of the event that reports this),
--       cancellation (see parts/cancel.lua), archived (whether the event is in the archive and removed there: then this
--       only reports it)
-- Returns {'removed', hints}; {'known', hints} if it is removed already; {'missing', hints} if there is no such event.

local AT_ONCE = 100

local function replace(id, participant, body)
  local known, next_one = {}, '-'
  local flat = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #flat, 2 do
    known[flat[i]] = flat[i + 1]
  end
  redis.call('DEL', KEYS[2])
  repeat
    local entries = redis.call('XRANGE', stream, next_one, '+', 'COUNT', AT_ONCE)
    for _, entry in ipairs(entries) do
      if entry[1] == id then
        redis.call('XADD', KEYS[2], id, 'participant', participant, 'body', body)
      else
        redis.call('XADD', KEYS[2], entry[1], unpack(entry[2]))
      end
      next_one = '(' .. entry[1]
    end
  until #entries < AT_ONCE
  -- As before, so that clients which come back get no gap.
  redis.call('XSETID', KEYS[2], known['last-generated-id'], 'ENTRIESADDED', known['entries-added'],
    'MAXDELETEDID', known['max-deleted-entry-id'])
  redis.call('RENAME', KEYS[2], stream)
end

local entry = redis.call('XRANGE', stream, given.id, given.id)[1]
if given.archived then
  add_entry(given.channel, given.participant, given.body)
  return {'removed', hint_owed()}
elseif not entry then
  return {'missing', hint_owed()}
end
local participant, body = '', ''
for i = 1, #entry[2], 2 do
  participant = entry[2][i] == 'participant' and entry[2][i + 1] or participant
  body = entry[2][i] == 'body' and entry[2][i + 1] or body
end
if body == given.placeholder then
  return {'known', hint_owed()}
end
local active = redis.call('SMEMBERS', own .. 'replies')
local due = redis.call('HGET', own .. 'due', 'request')

replace(given.id, participant, given.placeholder)
redis.call('HINCRBY', own .. 'archive', 'changes', 1)  -- the archive may have a copy
add_entry(given.channel, given.participant, given.body)
for _, reply in ipairs(active) do
  if request_of(reply) == given.id then
    cancel(reply, given.cancellation, '')
  end
end
if due == given.id then
  redis.call('DEL', own .. 'due')
end
return {'removed', hints}
