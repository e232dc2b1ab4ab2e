#!lua flags=allow-oom
-- Begins an attempt at a reply. What the attempt before has said is put aside: this one's first piece replaces it.
-- Run twice for the same delivery of the job it begins one attempt.
--
-- KEYS  1 the job's queue   2 all job queues   3 the counters
-- given group, worker, job, reply, sid, own (what the session's own keys begin with), deliveries (at most), restarts (the
--       counter of replies that begin again)
-- Returns {'begun', what was said before, attempt}; {'given up', what was said} when too many workers have died of it;
-- {'lost'} when another worker has the job, or the reply has ended.

local own, reply = given.own, given.own .. 'reply:' .. given.reply
local lease = lease_of(KEYS[1], given.group, given.worker, given.job)
if not lease then
  return {'lost'}
end
if redis.call('SISMEMBER', own .. 'replies', given.reply) == 0 then
  redis.call('XACK', KEYS[1], given.group, given.job)
  redis.call('XDEL', KEYS[1], given.job)
  end_reply(own, KEYS[2], given.sid, given.reply)
  return {'lost'}
end
if redis.call('TYPE', reply).ok ~= 'hash' then
  redis.call('DEL', reply)
end
local job = redis.call('HGET', reply, 'job')
if job and job ~= given.job then
  -- A stray entry: the reply has a job of its own.
  redis.call('XACK', KEYS[1], given.group, given.job)
  redis.call('XDEL', KEYS[1], given.job)
  return {'lost'}
end
if lease[4] + (redis.call('HGET', reply, 'deaths') or 0) > given.deliveries then
  return {'given up', shown(own, given.reply)}
end
local delivery = given.job .. ' ' .. lease[4]
if redis.call('HGET', reply, 'begun') ~= delivery then
  if redis.call('EXISTS', reply .. ':text') == 1 then
    redis.call('RENAME', reply .. ':text', reply .. ':before')
  end
  redis.call('HSET', reply, 'state', 'waiting', 'begun', delivery)
  if redis.call('HINCRBY', reply, 'attempt', 1) > 1 then
    redis.pcall('HINCRBY', KEYS[3], given.restarts, 1)
  end
end
return {'begun', shown(own, given.reply), tonumber(redis.call('HGET', reply, 'attempt'))}
