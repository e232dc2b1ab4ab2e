#!lua flags=allow-oom
-- Sets a key, also in a full store, for what has to go on there.
--
-- KEYS  1 the key
-- given value, ms (until it expires; nil for never)

if given.ms then
  redis.call('SET', KEYS[1], given.value, 'PX', given.ms)
else
  redis.call('SET', KEYS[1], given.value)
end
return 1
