-- The active replies of a session. One at a time runs, the others are queued behind it.

-- The id of a reply is rREQUEST; a retry of the same request is rREQUEST-2, and so on.
local function request_of(reply)
  return string.match(reply, '^r(%d+%-%d+)') or ''
end

local function next_reply(reply)
  local request, number = string.match(reply, '^r(%d+%-%d+)%-?(%d*)$')
  return 'r' .. request .. '-' .. (tonumber(number) or 1) + 1
end

local function key_of(reply)
  return own .. 'reply:' .. reply
end

-- The visible text of a reply: that of the previous attempt until this one has a piece.
local function shown(reply)
  local key = key_of(reply)
  return redis.call('GET', key .. ':text') or redis.call('GET', key .. ':before') or ''
end

local function new_reply(reply, llm, role, auto, person, origin)
  redis.call('SADD', own .. 'replies', reply)
  redis.call(
    'HSET', key_of(reply), 'llm', llm, 'role', role, 'auto', auto, 'person', person or '', 'origin', origin or ''
  )
  redis.call('HINCRBY', own .. 'asking', role, 1)
end

-- Its place in the queue of its model is the moment at which its turn comes, not that of its request: sessions take
-- turns, so that one with many requests does not delay others.
local function make_current(reply)
  local turn = now_ms()
  redis.call('SET', own .. 'current', reply)
  redis.call('HSET', key_of(reply), 'turn', turn)
  local llm, person = unpack(redis.call('HMGET', key_of(reply), 'llm', 'person'))
  hint('queued', llm or '', reply, turn, person or '')
end

local function enqueue(reply)
  if redis.call('EXISTS', own .. 'current') == 0 then
    return make_current(reply)
  end
  redis.call('RPUSH', own .. 'waiting', reply)
end

-- Raises the errors that `new_reply` and `enqueue` would, without writing.
local function check_waiting()
  redis.call('SCARD', own .. 'replies')
  redis.call('HLEN', own .. 'asking')
  redis.call('LLEN', own .. 'waiting')
end

local function start_next()
  local reply
  repeat
    reply = redis.call('LPOP', own .. 'waiting')
  until not reply or redis.call('SISMEMBER', own .. 'replies', reply) == 1
  if reply then
    return make_current(reply)
  end
  redis.call('DEL', own .. 'current')
  if redis.call('EXISTS', own .. 'due') == 1 then
    -- The maximum wait starts when a reply becomes possible.
    redis.call('HSET', own .. 'due', 'since', now_ms())
  end
end

-- Deletes a reply that has its terminal event, and starts the next one if this was the current one.
local function end_reply(reply)
  local role = redis.call('HGET', key_of(reply), 'role')
  if role and redis.call('HINCRBY', own .. 'asking', role, -1) <= 0 then
    redis.call('HDEL', own .. 'asking', role)
  end
  local key = key_of(reply)
  redis.call('DEL', key, key .. ':text', key .. ':before')
  redis.call('SREM', own .. 'replies', reply)
  redis.call('LREM', own .. 'waiting', 0, reply)
  if redis.call('GET', own .. 'current') == reply then
    start_next()
  end
end

-- The current reply if it is automatic, or nil: a requested reply is not superseded.
local function automatic_reply()
  local reply = redis.call('GET', own .. 'current')
  if reply and redis.call('HGET', key_of(reply), 'auto') == '1' then
    return reply
  end
end
