-- Appends one event to a session: nothing can fall between storing it, telling of it and having it answered.
--
-- KEYS  1 the session's stream   2 the claim of its msg_id, or of this very append   3 the job queue
--       4 the sessions that are due an automatic reply
-- ARGV  1 participant   2 body   3 the group's channel   4 deadline, ms of the store's clock
--       5 digest of the content   6 seconds that the claim lasts   7 sid   8 what the session's own keys begin with
--       9 alias of the model that is asked, or '' when none is   10 'said' or 'mentioned' when the reply policy
--       decides, or ''   11 ms without a further message before an automatic reply   12 the longest such wait, ms
--       13 how many replies may be under way in the session, or 0 for any number   14 how many for one role, or 0
-- Returns {id, 'stored', the automatic reply that this supersedes or ''}; {id, 'duplicate' | 'conflict'} when the claim
-- was taken before; {'', 'session full' | 'role full'} when it is a request and as many replies as may be are under way.

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

local sid, own = ARGV[7], ARGV[8]
local most, most_of_role = tonumber(ARGV[13]), tonumber(ARGV[14])
if ARGV[9] ~= '' then
  if most > 0 and redis.call('SCARD', own .. 'replies') >= most then
    return {'', 'session full'}
  elseif most_of_role > 0 and tonumber(redis.call('HGET', own .. 'asking', ARGV[1]) or 0) >= most_of_role then
    return {'', 'role full'}
  end
end
local id = add_entry(KEYS[1], ARGV[3], ARGV[1], ARGV[2])
redis.call('SET', KEYS[2], id .. ' ' .. ARGV[5], 'EX', ARGV[6])

local superseded
if ARGV[9] ~= '' then
  new_reply(own, 'r' .. id, ARGV[9], ARGV[1], 0)
  stand_in_line(own, KEYS[3], sid, 'r' .. id)
elseif ARGV[10] ~= '' then
  local settings = redis.call('HMGET', own .. 'settings', 'policy', 'when_talking')
  local policy = settings[1] or 'mention'
  local since = redis.call('HGET', own .. 'due', 'since')
  if since or policy == 'always' or (policy == 'mention' and ARGV[10] == 'mentioned') then
    since = tonumber(since) or now
    redis.call('HSET', own .. 'due', 'request', id, 'since', since)
    local wait = now + ARGV[11]
    if redis.call('EXISTS', own .. 'talking') == 0 then
      wait = math.min(wait, since + ARGV[12])
    end
    redis.call('ZADD', KEYS[4], wait, sid)
    if settings[2] == 'supersede' then
      superseded = automatic_reply(own)
    end
  end
end
return {id, 'stored', superseded or ''}
