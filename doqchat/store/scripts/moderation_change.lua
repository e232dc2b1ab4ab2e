#!lua flags=allow-oom
-- Changes a field of a session's moderation, and publishes the event that reports this; also in a closed session.
--
-- KEYS  1 the session's stream
-- given field (`closed` or `muted:ROLE`; nil to only report), seconds (until it ends; 0 for no end; nil to delete it), channel (of the
--       group), participant and body (of the event)
-- Returns 1, or 0 if there is nothing to delete.

local settings = own .. 'settings'
if given.field and given.seconds then
  redis.call('HSET', settings, given.field, given.seconds == 0 and 0 or now_ms() + given.seconds * 1000)
elseif given.field and redis.call('HDEL', settings, given.field) == 0 then
  return 0
end
add_entry(given.channel, given.participant, given.body)
return 1
