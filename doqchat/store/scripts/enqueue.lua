#!lua flags=allow-oom
-- Adds a reply to the queue of a model, unless it is queued; also in a full store, so that active replies can end.
--
-- KEYS  1 the queue
-- given member, person, turn (its place among those of this person, default: the store's clock in ms)

local turn = given.turn or now_ms()
redis.call('ZADD', queue, 'NX', turn, given.member)
redis.call('HSET', people, given.member, given.person)
redis.call('ZADD', members_of(given.person), 'NX', turn, given.member)
redis.call('ZADD', turns, 'NX', turn, given.person)
