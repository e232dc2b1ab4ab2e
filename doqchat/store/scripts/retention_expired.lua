#!lua flags=allow-oom
-- Records that retention has removed events of a session from the archive.
--
-- KEYS  1 the session's stream
-- given events (their number), all (whether the archive has no others before the border)

if redis.call('EXISTS', own .. 'archive') == 1 then
  redis.call('HINCRBY', own .. 'archive', 'events', -given.events)
  if given.all then
    redis.call('HSET', own .. 'archive', 'expired', 1)
  end
end
