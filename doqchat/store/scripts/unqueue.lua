#!lua flags=allow-oom
-- Removes a reply from the queue of a model.
--
-- KEYS  1 the queue
-- given member

return unqueue(given.member, redis.call('HGET', people, given.member) or '')
