#!lua flags=allow-oom
-- Records when the archive had all events of a server; also in a full store, which the archiver empties.
--
-- KEYS  1 the time, in ms of the store's clock
-- given now

redis.call('SET', KEYS[1], string.format('%d', given.now))
return 1
