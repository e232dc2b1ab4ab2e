#!lua flags=allow-oom
-- Takes the lease of a reply whose turn it is, and begins an attempt. What the attempt before has said is put aside: the
-- first piece of this one replaces it. Run twice for the same lease it begins one attempt.
--
-- KEYS  1 the session's stream
-- given reply, lease (a name that no other lease has), lease_ms (for which it is good), deliveries (to workers, at most)
-- Returns {'begun', hints, what was said before, attempt, 1 for an automatic reply or 0}; {'given up', …} likewise when too
-- many workers have died of it: the lease is only good to end it then; {'lost', hints} when another worker has it, it is
-- in line behind another, or it has ended.

local reply, key, now = given.reply, key_of(given.reply), now_ms()
if redis.call('SISMEMBER', own .. 'replies', reply) == 0 then
  end_reply(reply)
  return {'lost', hint_owed()}
end
if redis.call('GET', own .. 'talking') ~= reply then
  return {'lost', hint_owed()}
end
if redis.call('TYPE', key).ok ~= 'hash' then
  redis.call('DEL', key)
end
local lease, until_then = unpack(redis.call('HMGET', key, 'lease', 'leased_until'))
if lease ~= given.lease then
  local left = (tonumber(until_then) or 0) - now
  if lease and left > 0 and left <= given.lease_ms then  -- more than that is left when the clock was set back
    return {'lost', hints}
  end
  redis.call('HSET', key, 'lease', given.lease)
  if redis.call('HINCRBY', key, 'deliveries', 1) <= given.deliveries then
    if redis.call('EXISTS', key .. ':text') == 1 then
      redis.call('RENAME', key .. ':text', key .. ':before')
    end
    redis.call('HSET', key, 'state', 'waiting')
    redis.call('HINCRBY', key, 'attempt', 1)
  end
end
redis.call('HSET', key, 'leased_until', now + given.lease_ms)
local deliveries, attempt, auto = unpack(redis.call('HMGET', key, 'deliveries', 'attempt', 'auto'))
local begun = tonumber(deliveries) <= given.deliveries
return {begun and 'begun' or 'given up', hints, shown(reply), tonumber(attempt) or 1, auto == '1' and 1 or 0}
