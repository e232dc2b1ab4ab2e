#!lua flags=allow-oom
-- Cancels a reply: it ends with its text so far.
--
-- KEYS  1 the session's stream
-- given reply, cancellation (see parts/cancel.lua), if_waiting (only if no worker holds its lease)
-- Returns {1 if it was active, otherwise 0, hints}

local reply = given.reply
local leased_until = given.if_waiting and tonumber(redis.call('HGET', key_of(reply), 'leased_until'))
if redis.call('SISMEMBER', own .. 'replies', reply) == 0 or (leased_until and leased_until > now_ms()) then
  return {0, hint_owed()}
end
cancel(reply, given.cancellation, shown(reply))
return {1, hints}
