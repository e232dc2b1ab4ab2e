-- Appends one event to a session: nothing can fall between storing it and telling of it.
--
-- KEYS  1 the session's stream   2 the claim of its msg_id, or of this very append   3 the job queue
--       4 the set of replies under way
-- ARGV  1 participant   2 body   3 the group's channel   4 deadline, ms of the store's clock
--       5 digest of the content   6 seconds that the claim lasts
--       7 alias of the model to ask, or '' to ask none    8 sid
-- Returns {id, 'stored'}, or {id, 'duplicate' | 'conflict'} when the claim was taken before.

local claim = redis.call('GET', KEYS[2])
if claim then
  local id, digest = string.match(claim, '^(%S+) (%S+)$')
  return {id, digest == ARGV[5] and 'duplicate' or 'conflict'}
end

local now = redis.call('TIME')
if now[1] * 1000 + now[2] / 1000 > tonumber(ARGV[4]) then
  -- The sender was told `unavailable` while this waited in the socket of a store that did not answer.
  return redis.error_reply('EXPIRED the deadline of this append has passed')
end

local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local prev = last and last[1] or '0-0'
local id = redis.call('XADD', KEYS[1], '*', 'participant', ARGV[1], 'body', ARGV[2])
redis.call('SET', KEYS[2], id .. ' ' .. ARGV[5], 'EX', ARGV[6])
redis.call('PUBLISH', ARGV[3], cmsgpack.pack({type = 'session.entry', id = id, prev = prev, body = ARGV[2]}))
if ARGV[7] ~= '' then
  local reply = 'r' .. id
  redis.call('SADD', KEYS[4], reply)
  redis.call('XADD', KEYS[3], '*', 'sid', ARGV[8], 'request', id, 'reply', reply, 'llm', ARGV[7])
end
return {id, 'stored'}
