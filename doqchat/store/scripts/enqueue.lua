#!lua flags=allow-oom
-- Adds a reply to the queue of a model, unless it is queued; also in a full store, so that active replies can end.
--
-- Requests of one person are queued `apart_ms` after each other, in all sessions together, so that they do not delay
-- those of others. Workers take the first reply even if its time has not come.
--
-- KEYS  1 the queue   2 the place after the last reply of each person, a sorted set
-- given member, turn (its place without others of this person, default: the store's clock in ms), person (or ''),
--       apart_ms, most_ahead_ms (maximum distance from the store's clock)

local now = now_ms()
local place = given.turn or now
if redis.call('ZSCORE', KEYS[1], given.member) then
  return 0
end
if given.person ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  local after = tonumber(redis.call('ZSCORE', KEYS[2], given.person) or 0)
  place = math.max(place, math.min(after, now + given.most_ahead_ms))
  redis.call('ZADD', KEYS[2], math.max(place, now) + given.apart_ms, given.person)
end
return redis.call('ZADD', KEYS[1], place, given.member)
