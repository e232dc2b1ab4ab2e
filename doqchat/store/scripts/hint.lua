#!lua flags=allow-oom
-- Adds a member to a sorted set of hints, also in a full store, so that active replies can end.
--
-- KEYS  1 the sorted set
-- given member, score (default: the store's clock in ms), keep (whether to keep an existing score)

local time = redis.call('TIME')
local score = given.score or time[1] * 1000 + math.floor(time[2] / 1000)
if given.keep then
  return redis.call('ZADD', KEYS[1], 'NX', score, given.member)
end
return redis.call('ZADD', KEYS[1], score, given.member)
