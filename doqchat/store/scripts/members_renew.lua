#!lua flags=allow-oom
-- Renews the list of the open connections of a process.
--
-- KEYS  1 the stream of notes
-- given process, kept_seconds (how long the lists are kept without a worker)
-- Returns 1, or 0 if there is no such list: its connections have been noted as lost, or the store has lost it.

local processes = '{' .. KEYS[1] .. '}:processes'
if not redis.call('ZSCORE', processes, given.process) then
  return 0
end
redis.call('ZADD', processes, now_ms(), given.process)
redis.call('EXPIRE', '{' .. KEYS[1] .. '}:open:' .. given.process, given.kept_seconds)
redis.call('EXPIRE', processes, given.kept_seconds)
return 1
