#!lua flags=allow-oom
-- Pauses the archiver of a server for a while; also in a full store, of which a backup can be made.
--
-- KEYS  1 exists while it pauses
-- given seconds

redis.call('SET', KEYS[1], 1, 'EX', given.seconds)
return 1
