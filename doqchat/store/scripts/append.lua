-- Appends one event to a session: nothing can fall between storing it, telling of it and having it answered.
--
-- KEYS  1 the session's stream   2 the claim of its msg_id, or of this very append   3 the job queue
--       4 the sessions that are due an automatic reply
-- ARGV  1 participant   2 body   3 the group's channel   4 deadline, ms of the store's clock
--       5 digest of the content   6 seconds that the claim lasts   7 sid   8 what the session's own keys begin with
--       9 alias of the model that is asked, or '' when none is   10 'said' or 'mentioned' when the reply policy
--       decides, or ''   11 ms without a further message before an automatic reply   12 the longest such wait, ms
--       13 the workers' channel   14 how many replies may be under way in the session, or 0 for any number
-- Returns {id, 'stored'}, {id, 'duplicate' | 'conflict'} when the claim was taken before, or {'', 'full'} when it is
-- a request and as many replies as may be are under way.

local claim = redis.call('GET', KEYS[2])
if claim then
  local id, digest = string.match(claim, '^(%S+) (%S+)$')
  return {id, digest == ARGV[5] and 'duplicate' or 'conflict'}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[4]) then
  -- The sender was told `unavailable` while this waited in the socket of a store that did not answer.
  return redis.error_reply('EXPIRED the deadline of this append has passed')
end

local sid, own, most = ARGV[7], ARGV[8], tonumber(ARGV[14])
if ARGV[9] ~= '' and most > 0 and redis.call('SCARD', own .. 'replies') >= most then
  return {'', 'full'}
end
local id = add_entry(KEYS[1], ARGV[3], ARGV[1], ARGV[2])
redis.call('SET', KEYS[2], id .. ' ' .. ARGV[5], 'EX', ARGV[6])

if ARGV[9] ~= '' then
  new_reply(own, 'r' .. id, ARGV[9], 0)
  stand_in_line(own, KEYS[3], sid, 'r' .. id)
elseif ARGV[10] ~= '' then
  local settings = redis.call('HMGET', own .. 'settings', 'policy', 'when_talking')
  local policy = settings[1] or 'mention'
  local since = redis.call('HGET', own .. 'due', 'since')
  if since or policy == 'always' or (policy == 'mention' and ARGV[10] == 'mentioned') then
    since = tonumber(since) or now
    redis.call('HSET', own .. 'due', 'request', id, 'since', since)
    redis.call('ZADD', KEYS[4], math.min(now + ARGV[11], since + ARGV[12]), sid)
    if settings[2] == 'supersede' then
      interrupt(own, ARGV[13], sid)
    end
  end
end
return {id, 'stored'}
