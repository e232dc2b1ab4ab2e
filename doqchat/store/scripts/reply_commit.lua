#!lua flags=allow-oom
-- Ends a reply: stores its terminal event, publishes it to the group, and starts the next reply.
--
-- KEYS  1 the session's stream
-- given reply, lease, body (of the terminal event), participant, channel (of the group), given_up (whether it becomes a
--       dead letter)
-- Returns {'ended', hints}; {'lost', hints} if another worker holds the lease or the reply has ended.

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
hint('ended', given.body)
return {'ended', hints}
