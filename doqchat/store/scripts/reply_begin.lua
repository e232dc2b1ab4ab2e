#!lua flags=allow-oom
-- Takes the lease of the current reply and begins an attempt. The text of the previous attempt is kept until the first
-- piece replaces it. The script is idempotent per lease.
--
-- KEYS  1 the session's stream
-- given reply, lease (a unique name), lease_ms (until it expires), deliveries (maximum number), model (its name if known,
--       for the event that ends the reply if it is cancelled)
-- Returns {'begun', hints, the text of the previous attempt, attempt, 1 for an automatic reply or 0, the origin of the
-- request, ms of the store's clock}; {'given up', …} with the same fields after the maximum number of deliveries: then the lease only permits
-- ending it; {'lost', hints} if another worker holds the lease, or the reply is queued behind another or has ended.

local reply, key, now = given.reply, key_of(given.reply), now_ms()
if redis.call('SISMEMBER', own .. 'replies', reply) == 0 then
  end_reply(reply)
  return {'lost', hint_owed()}
end
if redis.call('GET', own .. 'current') ~= reply then
  return {'lost', hint_owed()}
end
if redis.call('TYPE', key).ok ~= 'hash' then
  redis.call('DEL', key)
end
local lease, leased_until = unpack(redis.call('HMGET', key, 'lease', 'leased_until'))
if lease ~= given.lease then
  local left = (tonumber(leased_until) or 0) - now
  if lease and left > 0 and left <= given.lease_ms then  -- more is left if the clock was set back
    return {'lost', hints}
  end
  redis.call('HSET', key, 'lease', given.lease)
  if given.model then
    redis.call('HSET', key, 'model', given.model)
  end
  if redis.call('HINCRBY', key, 'deliveries', 1) <= given.deliveries then
    if redis.call('EXISTS', key .. ':text') == 1 then
      redis.call('RENAME', key .. ':text', key .. ':before')
    end
    redis.call('HSET', key, 'state', 'waiting')
    redis.call('HINCRBY', key, 'attempt', 1)
  end
end
redis.call('HSET', key, 'leased_until', now + given.lease_ms)
local deliveries, attempt, auto, origin = unpack(redis.call('HMGET', key, 'deliveries', 'attempt', 'auto', 'origin'))
local begun = tonumber(deliveries) <= given.deliveries
return {begun and 'begun' or 'given up', hints, shown(reply), tonumber(attempt) or 1, auto == '1' and 1 or 0, origin or '', now}
