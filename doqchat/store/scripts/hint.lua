#!lua flags=allow-oom
-- Adds a member to a sorted set of hints, also in a full store, so that active replies can end.
--
-- KEYS  1 the sorted set
-- given member, score (default: the store's clock in ms), keep (whether to keep an existing score)

local score = given.score or now_ms()
if given.keep then
  return redis.call('ZADD', KEYS[1], 'NX', score, given.member)
end
return redis.call('ZADD', KEYS[1], score, given.member)
