#!lua flags=allow-oom
-- Records what retention has left of a session in the archive.
--
-- KEYS  1 the session's stream
-- given border (the last event that is only in the archive), events (the number of events up to it that are left there)
-- A border that has moved since is not that of the count, and nothing is recorded.

if redis.call('HGET', own .. 'archive', 'last') == given.border then
  redis.call('HSET', own .. 'archive', 'events', given.events)
  if given.events == 0 then
    redis.call('HSET', own .. 'archive', 'expired', 1)
  end
end
