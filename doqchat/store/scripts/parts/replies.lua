-- The replies of a session that have not ended. One at a time has its turn, the others are in line.

-- A reply is named after its request, as rREQUEST; a second one to the same request is rREQUEST-2 and so on.
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

-- What people see of a reply: until an attempt has said something, it is what the attempt before has said.
local function shown(reply)
  local key = key_of(reply)
  return redis.call('GET', key .. ':text') or redis.call('GET', key .. ':before') or ''
end

local function new_reply(reply, llm, role, auto)
  redis.call('SADD', own .. 'replies', reply)
  redis.call('HSET', key_of(reply), 'llm', llm, 'role', role, 'auto', auto)
  redis.call('HINCRBY', own .. 'asking', role, 1)
end

local function take_turn(reply)
  redis.call('SET', own .. 'talking', reply)
  hint('queued', redis.call('HGET', key_of(reply), 'llm') or '', reply)
end

local function stand_in_line(reply)
  if redis.call('EXISTS', own .. 'talking') == 0 then
    return take_turn(reply)
  end
  redis.call('RPUSH', own .. 'line', reply)
end

-- Raises what `new_reply` and `stand_in_line` would, and writes nothing.
local function check_line()
  redis.call('SCARD', own .. 'replies')
  redis.call('HLEN', own .. 'asking')
  redis.call('LLEN', own .. 'line')
end

local function end_turn()
  local reply
  repeat
    reply = redis.call('LPOP', own .. 'line')
  until not reply or redis.call('SISMEMBER', own .. 'replies', reply) == 1
  if reply then
    return take_turn(reply)
  end
  redis.call('DEL', own .. 'talking')
  if redis.call('EXISTS', own .. 'due') == 1 then
    -- The longest wait for people who go on talking counts from when they could have been answered.
    redis.call('HSET', own .. 'due', 'since', now_ms())
  end
end

-- Forgets a reply that has had its terminal event, and lets the next one have its turn if it was this one's.
local function end_reply(reply)
  local role = redis.call('HGET', key_of(reply), 'role')
  if role and redis.call('HINCRBY', own .. 'asking', role, -1) <= 0 then
    redis.call('HDEL', own .. 'asking', role)
  end
  local key = key_of(reply)
  redis.call('DEL', key, key .. ':text', key .. ':before')
  redis.call('SREM', own .. 'replies', reply)
  redis.call('LREM', own .. 'line', 0, reply)
  if redis.call('GET', own .. 'talking') == reply then
    end_turn()
  end
end

-- The automatic reply that has its turn, or nil: one that a person asked for goes on whatever others say.
local function automatic_reply()
  local reply = redis.call('GET', own .. 'talking')
  if reply and redis.call('HGET', key_of(reply), 'auto') == '1' then
    return reply
  end
end
