-- One reply at a time talks in a session; the others stand in line. What is known of a reply lasts until its end.

-- A sorted set for each model: the requests to it that stand in line, by when they were made.
local LINES = 'llm:lines:'

-- A reply is named after its request, as rREQUEST; one that is tried anew is rREQUEST-2 and so on.
local function request_of(reply)
  return string.match(reply, '^r(%d+%-%d+)') or ''
end

local function next_reply(reply)
  local request, number = string.match(reply, '^r(%d+%-%d+)%-?(%d*)$')
  return 'r' .. request .. '-' .. (tonumber(number) or 1) + 1
end

-- What people see of a reply: until an attempt has said something, it is what the attempt before has said.
local function shown(own, reply)
  local key = own .. 'reply:' .. reply
  return redis.call('GET', key .. ':text') or redis.call('GET', key .. ':before') or ''
end

local function new_reply(own, reply, llm, role, auto)
  redis.call('SADD', own .. 'replies', reply)
  redis.call('HSET', own .. 'reply:' .. reply, 'llm', llm, 'role', role, 'auto', auto)
  redis.call('HINCRBY', own .. 'asking', role, 1)
end

local function add_job(jobs, sid, reply, llm, auto)
  return redis.call('XADD', jobs, '*', 'sid', sid, 'request', request_of(reply), 'reply', reply, 'llm', llm or '',
    'auto', auto or 0)
end

-- Each model has a queue of its own, which is named after it; `queues` is the set of the models that have one.
local function queue_job(own, queues, sid, reply)
  local known = redis.call('HMGET', own .. 'reply:' .. reply, 'llm', 'auto')
  redis.call('SADD', queues, known[1])
  local job = add_job(queues .. ':' .. known[1], sid, reply, known[1], known[2])
  redis.call('HSET', own .. 'reply:' .. reply, 'job', job)
end

local function take_turn(own, queues, sid, reply)
  redis.call('SET', own .. 'talking', reply)
  queue_job(own, queues, sid, reply)
end

local function stand_in_line(own, queues, sid, reply)
  if redis.call('EXISTS', own .. 'talking') == 0 then
    return take_turn(own, queues, sid, reply)
  end
  local llm = redis.call('HGET', own .. 'reply:' .. reply, 'llm')
  redis.call('SADD', queues, llm)
  redis.call('RPUSH', own .. 'line', reply)
  redis.call('ZADD', LINES .. llm, string.match(request_of(reply), '^%d+'), sid .. ' ' .. reply)
end

-- A reply that something else has removed says no more which model was asked.
local function leave_line(queues, sid, reply)
  for _, llm in ipairs(redis.pcall('SMEMBERS', queues)) do
    redis.pcall('ZREM', LINES .. llm, sid .. ' ' .. reply)
  end
end

-- Raises what `new_reply` and `stand_in_line` would, and writes nothing.
local function check_line(own, queues, llm)
  redis.call('SCARD', own .. 'replies')
  redis.call('HLEN', own .. 'asking')
  redis.call('LLEN', own .. 'line')
  redis.call('SCARD', queues)
  redis.call('XLEN', queues .. ':' .. llm)
  redis.call('ZCARD', LINES .. llm)
end

local function next_in_line(own, queues, sid)
  local reply = redis.call('LPOP', own .. 'line')
  if reply then
    leave_line(queues, sid, reply)
  end
  return reply
end

local function end_turn(own, queues, sid)
  local reply = next_in_line(own, queues, sid)
  while reply and redis.call('SISMEMBER', own .. 'replies', reply) == 0 do
    reply = next_in_line(own, queues, sid)
  end
  if reply then
    return take_turn(own, queues, sid, reply)
  end
  redis.call('DEL', own .. 'talking')
  if redis.call('EXISTS', own .. 'due') == 1 then
    -- The longest wait for people who go on talking counts from when they could have been answered.
    local time = redis.call('TIME')
    redis.call('HSET', own .. 'due', 'since', time[1] * 1000 + math.floor(time[2] / 1000))
  end
end

-- Forgets a reply that has had its terminal event, and lets the next one talk if it was this one's turn.
local function end_reply(own, queues, sid, reply)
  local role = redis.call('HGET', own .. 'reply:' .. reply, 'role')
  if role and redis.call('HINCRBY', own .. 'asking', role, -1) <= 0 then
    redis.call('HDEL', own .. 'asking', role)
  end
  local key = own .. 'reply:' .. reply
  redis.call('DEL', key, key .. ':text', key .. ':before')
  redis.call('SREM', own .. 'replies', reply)
  if redis.call('LREM', own .. 'line', 0, reply) > 0 then
    leave_line(queues, sid, reply)
  end
  if redis.call('GET', own .. 'talking') == reply then
    end_turn(own, queues, sid)
  end
end

-- The automatic reply that talks in a session, or nil: one that somebody asked for goes on whatever others say.
local function automatic_reply(own)
  local reply = redis.call('GET', own .. 'talking')
  if reply and redis.call('HGET', own .. 'reply:' .. reply, 'auto') == '1' then
    return reply
  end
end
