#!lua flags=allow-oom
-- Begins an attempt at a reply. What the attempt before has said is put aside: this one's first piece replaces it.
-- Run twice for the same delivery of the job it begins one attempt.
--
-- KEYS  1 the job's queue   2 all job queues   3 the counters
-- ARGV  1 worker group   2 worker   3 job   4 reply id   5 sid   6 what the session's own keys begin with
--       7 how many workers may die of it   8 the counter of replies that begin anew
-- Returns {'begun', what was said before, attempt}; {'given up', what was said} when too many workers have died of it;
-- {'lost'} when another worker has the job, or the reply has ended.

local own, reply = ARGV[6], ARGV[6] .. 'reply:' .. ARGV[4]
local lease = lease_of(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if not lease then
  return {'lost'}
end
if redis.call('SISMEMBER', own .. 'replies', ARGV[4]) == 0 then
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
  redis.call('XDEL', KEYS[1], ARGV[3])
  end_reply(own, KEYS[2], ARGV[5], ARGV[4])
  return {'lost'}
end
if redis.call('TYPE', reply).ok ~= 'hash' then
  redis.call('DEL', reply)
end
local job = redis.call('HGET', reply, 'job')
if job and job ~= ARGV[3] then
  -- A stray entry: the reply has a job of its own.
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
  redis.call('XDEL', KEYS[1], ARGV[3])
  return {'lost'}
end
if lease[4] + (redis.call('HGET', reply, 'deaths') or 0) > tonumber(ARGV[7]) then
  return {'given up', shown(own, ARGV[4])}
end
local delivery = ARGV[3] .. ' ' .. lease[4]
if redis.call('HGET', reply, 'begun') ~= delivery then
  if redis.call('EXISTS', reply .. ':text') == 1 then
    redis.call('RENAME', reply .. ':text', reply .. ':before')
  end
  redis.call('HSET', reply, 'state', 'waiting', 'begun', delivery)
  if redis.call('HINCRBY', reply, 'attempt', 1) > 1 then
    redis.pcall('HINCRBY', KEYS[3], ARGV[8], 1)
  end
end
return {'begun', shown(own, ARGV[4]), tonumber(redis.call('HGET', reply, 'attempt'))}
