-- Appends one event to a session: nothing can fall between storing it, telling of it and having it answered.
--
-- It has no flags, unlike the others: with them a store that refuses writes would refuse to run it at all. Without them
-- a duplicate is still recognised, and the first write is what is refused; those that follow one never are.
--
-- KEYS  1 the session's stream   2 the claim of its msg_id, or of this very append   3 the job queues
--       4 the sessions that are due an automatic reply   5 the counters
-- ARGV  1 participant   2 body   3 the group's channel   4 digest of the content, or ''   5 seconds that the claim lasts
--       6 sid   7 what the session's own keys begin with   8 alias of the model that is asked, or '' when none is
--       9 'said' or 'mentioned' when the reply policy decides, or ''   10 ms without a further message before an
--       automatic reply, by default   11 the longest such wait, ms, for people who have called the assistant, and
--       12 for others   13 requests a minute of the session, or 0 for any number   14 of one role   15 how many replies
--       may be under way in the session, or 0   16 for one role
--       17 worker group   18 the workers' channel   19 the group's channel   20 participant   21 the terminal event's
--       body, to be filled in, and   22 the counter of an automatic reply that is superseded
--       23 deadline, ms of the store's clock
-- Returns {id, 'stored'}; {id, 'duplicate' | 'conflict'} when the claim was taken before; {'', 'expired'} when the
-- deadline has passed; {'', limit, ms until there may be another} when it is a request and one too many.

local claim = redis.call('GET', KEYS[2])
if claim then
  local id, digest = string.match(claim, '^(%S+) (%S*)$')
  return {id or '', digest == ARGV[4] and 'duplicate' or 'conflict'}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[23]) then
  -- Its sender waits no longer: this lay in the socket of a store that did not answer.
  return {'', 'expired'}
end

-- All that can fail, because something else has written to a key, comes before the first write: what is stored is never
-- answered with an error. What a session is set to is the default where it cannot be read.
local sid, own, asks, manner = ARGV[6], ARGV[7], ARGV[8] ~= '', ARGV[9]
local settings = redis.pcall('HMGET', own .. 'settings', 'policy', 'when_talking', 'wait_seconds')
local policy = settings[1] == 'off' and 'off' or settings[1] == 'always' and 'always' or 'mention'
local asked, asked_by_role, rate, rate_of_role = own .. 'asked', own .. 'asked:' .. ARGV[1]
local since, is_due
if asks then
  rate, rate_of_role = tonumber(ARGV[13]), tonumber(ARGV[14])
  local most, most_of_role = tonumber(ARGV[15]), tonumber(ARGV[16])
  local wait, wait_of_role = wait_for_rate(asked, rate, now), wait_for_rate(asked_by_role, rate_of_role, now)
  if wait > 0 then
    return {'', 'requests_a_minute', wait}
  elseif wait_of_role > 0 then
    return {'', 'requests_a_minute_of_a_role', wait_of_role}
  elseif most > 0 and redis.call('SCARD', own .. 'replies') >= most then
    return {'', 'under_way', 0}
  elseif most_of_role > 0 and tonumber(redis.call('HGET', own .. 'asking', ARGV[1]) or 0) >= most_of_role then
    return {'', 'under_way_of_a_role', 0}
  end
  check_line(own, KEYS[3], ARGV[8])
elseif manner ~= '' then
  since = redis.call('HGET', own .. 'due', 'since')
  is_due = since or policy == 'always' or (policy == 'mention' and manner == 'mentioned')
end
local superseded = settings[2] == 'supersede' and (asks or is_due) and automatic_reply(own)
local superseded_text = superseded and shown(own, superseded)

local id = add_entry(KEYS[1], ARGV[3], ARGV[1], ARGV[2])
redis.call('SET', KEYS[2], id .. ' ' .. ARGV[4], 'EX', ARGV[5])
local function supersede()
  if superseded then
    interrupt(own, KEYS[3], sid, superseded, KEYS[1], KEYS[5], ARGV[17], ARGV[18], ARGV[19], ARGV[20], ARGV[21],
      superseded_text, ARGV[22])
  end
end
if asks then
  supersede()
  count_in_rate(asked, rate, now)
  count_in_rate(asked_by_role, rate_of_role, now)
  new_reply(own, 'r' .. id, ARGV[8], ARGV[1], 0)
  stand_in_line(own, KEYS[3], sid, 'r' .. id)
elseif is_due then
  -- A reply that begins before people pause would be superseded at once: then there is no longest wait.
  since = settings[2] ~= 'supersede' and tonumber(since) or now
  redis.call('HSET', own .. 'due', 'request', id, 'since', since)
  if manner == 'mentioned' then
    redis.call('HSET', own .. 'due', 'called', 1)
  end
  redis.pcall('HDEL', own .. 'typing', ARGV[1])
  local wait = wait_of(settings[3], ARGV[10])
  local longest = redis.call('HEXISTS', own .. 'due', 'called') == 1 and ARGV[11] or ARGV[12]
  local at = now + wait
  if redis.call('EXISTS', own .. 'talking') == 0 then
    at = math.min(at, since + math.max(longest, wait))
  end
  redis.call('ZADD', KEYS[4], at, sid)
  supersede()
end
return {id, 'stored'}
