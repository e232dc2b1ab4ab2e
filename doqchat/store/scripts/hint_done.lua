#!lua flags=allow-oom
-- Removes a hint that was followed, unless it was given again since.
--
-- KEYS  1 the hints
-- given member, score (that it had)

if tonumber(redis.call('ZSCORE', KEYS[1], given.member)) == tonumber(given.score) then
  return redis.call('ZREM', KEYS[1], given.member)
end
return 0
