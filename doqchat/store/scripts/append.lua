#!lua
-- Appends one event to a session: storing it, publishing it and noting the reply that it asks for happen atomically.
--
-- A store that refuses writes refuses to run it at all; claimed.lua tells then what an earlier run has stored.
--
-- KEYS  1 the session's stream   2 the claim of its msg_id, or of this very append
-- given participant, body, channel (the group's), digest (of the content, or ''), claim_seconds, llm (alias of the model
--       that is asked, or ''), manner ('said' or 'mentioned' when the reply policy decides, or ''), wait_ms (without a
--       further message before an automatic reply, by default), longest_wait_called_ms (for people who have called the
--       assistant), longest_wait_ms (for others), requests_per_minute, role_requests_per_minute, max_active_replies,
--       role_max_active_replies (limits, 0 for none), early_end (of an automatic reply that is superseded, see
--       parts/interrupt.lua), deadline (ms of the store's clock)
-- Returns {id, 'stored', hints}; {id, 'duplicate' | 'conflict', hints} when the claim was taken before; {'', 'expired'}
-- when the deadline has passed; {'', limit, ms until there may be another} when it is a request and one too many.

local known = claimed(KEYS[2], given.digest)
if known then
  known[3] = hint_owed()
  return known
end
local now = now_ms()
if now > given.deadline then
  -- Its sender waits no longer: this lay in the socket of a store that did not answer.
  return {'', 'expired'}
end

-- All that can fail, because something else has written to a key, comes before the first write: what is stored is never
-- answered with an error. What a session is set to is the default where it cannot be read.
local asks, manner = given.llm ~= '', given.manner
local settings = redis.pcall('HMGET', own .. 'settings', 'policy', 'on_new_message', 'wait_seconds')
local policy = settings[1] == 'off' and 'off' or settings[1] == 'always' and 'always' or 'mention'
local asked, asked_by_role, rate, rate_of_role = own .. 'asked', own .. 'asked:' .. given.participant
local since, is_due
if asks then
  rate, rate_of_role = given.requests_per_minute, given.role_requests_per_minute
  local most, most_of_role = given.max_active_replies, given.role_max_active_replies
  local wait, wait_of_role = wait_for_rate(asked, rate, now), wait_for_rate(asked_by_role, rate_of_role, now)
  if wait > 0 then
    return {'', 'requests_per_minute', wait}
  elseif wait_of_role > 0 then
    return {'', 'role_requests_per_minute', wait_of_role}
  elseif most > 0 and redis.call('SCARD', own .. 'replies') >= most then
    return {'', 'max_active_replies', 0}
  elseif most_of_role > 0 and tonumber(redis.call('HGET', own .. 'asking', given.participant) or 0) >= most_of_role then
    return {'', 'role_max_active_replies', 0}
  end
  check_line()
elseif manner ~= '' then
  since = redis.call('HGET', own .. 'due', 'since')
  is_due = since or policy == 'always' or (policy == 'mention' and manner == 'mentioned')
end
local superseded = settings[2] == 'supersede' and (asks or is_due) and automatic_reply()
local superseded_text = superseded and shown(superseded)

local id = add_entry(given.channel, given.participant, given.body)
redis.call('SET', KEYS[2], id .. ' ' .. given.digest, 'EX', given.claim_seconds)
local function supersede()
  if superseded then
    interrupt(superseded, given.early_end, superseded_text)
  end
end
if asks then
  supersede()
  count_in_rate(asked, rate, now)
  count_in_rate(asked_by_role, rate_of_role, now)
  new_reply('r' .. id, given.llm, given.participant, 0)
  stand_in_line('r' .. id)
elseif is_due then
  -- A reply that begins before people pause would be superseded at once: then there is no longest wait.
  since = settings[2] ~= 'supersede' and tonumber(since) or now
  local wait = wait_of(settings[3], given.wait_ms)
  local called = manner == 'mentioned' or redis.call('HEXISTS', own .. 'due', 'called') == 1
  local longest = called and given.longest_wait_called_ms or given.longest_wait_ms
  local at = now + wait
  if redis.call('EXISTS', own .. 'talking') == 0 then
    at = math.min(at, since + math.max(longest, wait))
  end
  redis.call('HSET', own .. 'due', 'request', id, 'since', since, 'at', at)
  if called then
    redis.call('HSET', own .. 'due', 'called', 1)
  end
  redis.pcall('HDEL', own .. 'typing', given.participant)
  hint('due', at)
  supersede()
end
return {id, 'stored', hints}
