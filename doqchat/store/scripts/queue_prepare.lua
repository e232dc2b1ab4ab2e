#!lua flags=allow-oom
-- Makes a model's queue and its group of workers, if they are not there: also in a full store, whose replies are to end.
--
-- KEYS  1 the queue
-- given group (of workers)

local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], given.group, '0', 'MKSTREAM')
if made.err and string.find(made.err, 'BUSYGROUP', 1, true) ~= 1 then
  return made
end
return redis.status_reply('OK')
