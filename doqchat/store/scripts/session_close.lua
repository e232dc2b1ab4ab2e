#!lua flags=allow-oom
-- Closes a session: its active replies are cancelled, its last event is published, and it accepts no more messages.
--
-- KEYS  1 the session's stream
-- given channel (of the group), participant and body (of the event that reports this), cancellation (see
--       parts/cancel.lua)
-- Returns {1, hints}, or {0, hints} if it is closed already.

if redis.call('HSETNX', own .. 'settings', 'closed', 1) == 0 then
  return {0, hint_owed()}
end
redis.call('DEL', own .. 'due')
for _, reply in ipairs(redis.call('SMEMBERS', own .. 'replies')) do
  cancel(reply, given.cancellation, shown(reply))
end
add_entry(given.channel, given.participant, given.body)
return {1, hints}
