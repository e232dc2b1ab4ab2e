#!lua flags=allow-oom
-- Ends a reply: stores its one terminal event, publishes it to the session's group, and lets the next one have its turn.
--
-- KEYS  1 the session's stream
-- given reply, lease, body (of the terminal event), participant, channel (the group's), given_up (whether it becomes a
--       dead letter)
-- Returns {'ended', hints}; {'lost', hints} when another worker has the lease or the reply has ended.

local reply = given.reply
if redis.call('SISMEMBER', own .. 'replies', reply) == 0 then
  return {'lost', hint_owed()}
elseif not has_lease(reply, given.lease) then
  return {'lost', hints}
end
add_entry(given.channel, given.participant, given.body)
if given.given_up then
  redis.call('SADD', own .. 'dead', reply)
end
end_reply(reply)
return {'ended', hints}
