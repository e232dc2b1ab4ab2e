#!lua flags=allow-oom
-- Adds a member to a sorted set of hints: also in a full store, whose replies are to end.
--
-- KEYS  1 the hints
-- given member, score (the store's clock in ms if it is missing), keep (whether a score that is there stays)

local time = redis.call('TIME')
local score = given.score or time[1] * 1000 + math.floor(time[2] / 1000)
if given.keep then
  return redis.call('ZADD', KEYS[1], 'NX', score, given.member)
end
return redis.call('ZADD', KEYS[1], score, given.member)
