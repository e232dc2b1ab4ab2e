#!lua
-- Appends one event to a session: atomically stores it, publishes it and records the requested reply.
--
-- A store that refuses writes does not run it; then claimed.lua returns what an earlier run has stored.
--
-- KEYS  1 the session's stream   2 the idempotency key of its msg_id, or of this append
-- given participant, body, channel (of the group), digest (of the content, or ''), claim_seconds (expiry of the
--       idempotency key), llm (alias of the requested model, or ''), person (who sends it, or ''), origin (of a
--       request, for its worker, or nil), manner ('said' or 'mentioned' if the reply policy decides, or ''), timestamp
--       (of the event that ends a superseded reply), workers (their channel), deadline (ms of the store's clock), may_have_left (whether the session may be in the archive only)
-- constants wait_ms (default pause before an automatic reply), longest_wait_called_ms (maximum wait after a mention),
--       longest_wait_ms (maximum wait otherwise), requests_per_minute, role_requests_per_minute, max_active_replies,
--       role_max_active_replies, role_messages, role_bytes, session_messages, session_bytes (limits, 0 for none), superseded_head,
--       superseded_bd, superseded_counter, model_role (of the event that ends a superseded reply, see parts/cancel.lua)
-- Returns {id, 'stored', hints}; {id, 'duplicate' | 'conflict', hints} if the idempotency key exists; {'', 'expired'}
-- after the deadline; {'', 'absent', 0} if the session is not in the store and may have left it; {'', limit, ms until the next one is allowed} if the event exceeds a limit; {'', 'closed' | 'muted',
-- ms until the role is no longer muted, or 0} if moderators do not allow it.

local known = claimed(KEYS[2], given.digest)
if known then
  known[3] = hint_owed()
  return known
end
local now = now_ms()
if now > given.deadline then
  -- The sender has given up: the command was queued in the socket of a stalled store.
  return {'', 'expired'}
end
local prev, there = last_id()
if given.may_have_left and not there then
  return {'', 'absent', 0}
end

-- Everything that can fail because a key has the wrong type comes before the first write, so that a stored event never
-- gets an error. Invalid settings are replaced by their defaults.
local settings = redis.pcall(
  'HMGET', own .. 'settings', 'policy', 'on_new_message', 'wait_seconds', 'closed', 'muted:' .. given.participant
)
local barred, until_allowed = moderated(settings[4], settings[5], now)
if barred then
  return {'', barred, until_allowed}
end
local over, wait_for_bucket, full_at = over_message_limit(now)
if over then
  return {'', over, wait_for_bucket}
end
local asks, manner = given.llm ~= '', given.manner
local policy = settings[1] == 'off' and 'off' or settings[1] == 'always' and 'always' or 'mention'
local asked, asked_by_role, rate, rate_of_role = own .. 'asked', own .. 'asked:' .. given.participant
local since, is_due
if asks then
  rate, rate_of_role = constants.requests_per_minute, constants.role_requests_per_minute
  local most, most_of_role = constants.max_active_replies, constants.role_max_active_replies
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
  check_waiting()
elseif manner ~= '' then
  since = redis.call('HGET', own .. 'due', 'since')
  is_due = since or policy == 'always' or (policy == 'mention' and manner == 'mentioned')
end
local superseded = settings[2] == 'supersede' and (asks or is_due) and automatic_reply()
local superseded_text = superseded and shown(superseded)

local id = add_entry(given.channel, given.participant, given.body, prev)
count_message(full_at)
redis.call('SET', KEYS[2], id .. ' ' .. given.digest, 'EX', given.claim_seconds)
local function supersede()
  if superseded then
    local head = string.format(constants.superseded_head, sid, given.timestamp)
    cancel(superseded, {
      workers = given.workers,
      channel = given.channel,
      participant = constants.model_role,
      event = {head = head, bd = cjson.decode(constants.superseded_bd)},
      counter = constants.superseded_counter,
    }, superseded_text)
  end
end
if asks then
  supersede()
  count_in_rate(asked, rate, now)
  count_in_rate(asked_by_role, rate_of_role, now)
  new_reply('r' .. id, given.llm, given.participant, 0, given.person, given.origin)
  enqueue('r' .. id)
elseif is_due then
  -- A reply that starts before people pause would be superseded at once, so there is no maximum wait.
  since = settings[2] ~= 'supersede' and tonumber(since) or now
  local wait = wait_of(settings[3], constants.wait_ms)
  local called = manner == 'mentioned' or redis.call('HEXISTS', own .. 'due', 'called') == 1
  local longest = called and constants.longest_wait_called_ms or constants.longest_wait_ms
  local at = now + wait
  if redis.call('EXISTS', own .. 'current') == 0 then
    at = math.min(at, since + math.max(longest, wait))
  end
  redis.call('HSET', own .. 'due', 'request', id, 'since', since, 'at', at, 'person', given.person)
  if called then
    redis.call('HSET', own .. 'due', 'called', 1)
  end
  redis.pcall('HDEL', own .. 'typing', given.participant)
  hint('due', at)
  supersede()
end
return {id, 'stored', hints}
