#!lua flags=allow-oom
-- Revokes tokens of a session, and tells the session's group: processes close the connections that they let in.
--
-- KEYS  1 what is revoked: a hash of moments, in seconds
-- given what ('all', 'jti:NAME' or 'sub:NAME'), channel (the group's), most (that are kept)
-- Returns whether it is noted: a session has no room for more than `most`.

if given.what == 'all' then
  redis.call('DEL', KEYS[1])  -- all that were issued until now are: nothing else has to be kept
elseif redis.call('HLEN', KEYS[1]) >= given.most and redis.call('HEXISTS', KEYS[1], given.what) == 0 then
  return 0
end
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', time[2])
redis.call('HSET', KEYS[1], given.what, now)
redis.call('PUBLISH', given.channel, cmsgpack.pack({type = 'session.revoked', what = given.what, moment = now}))
return 1
