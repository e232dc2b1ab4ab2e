#!lua flags=allow-oom
-- Removes a hint that was processed, unless it was posted again since.
--
-- KEYS  1 the sorted set
-- given member, score (when it was read)

if tonumber(redis.call('ZSCORE', KEYS[1], given.member)) == tonumber(given.score) then
  return redis.call('ZREM', KEYS[1], given.member)
end
return 0
