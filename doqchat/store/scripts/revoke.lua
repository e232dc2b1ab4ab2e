#!lua flags=allow-oom
-- Revokes tokens of a session, and publishes that: processes close the connections with these tokens.
--
-- KEYS  1 the revocations: a hash of times in seconds, by entry
-- given what (the entry: 'all', 'jti:ID' or 'sub:ID'), channel (the group's), most (entries)
-- Returns 1, or 0 if the session has `most` entries already.

if given.what == 'all' then
  redis.call('DEL', KEYS[1])  -- it covers all other entries
elseif redis.call('HLEN', KEYS[1]) >= given.most and redis.call('HEXISTS', KEYS[1], given.what) == 0 then
  return 0
end
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', time[2])
redis.call('HSET', KEYS[1], given.what, now)
redis.call('PUBLISH', given.channel, cmsgpack.pack({type = 'session.revoked', what = given.what, moment = now}))
return 1
