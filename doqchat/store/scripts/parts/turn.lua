-- One reply at a time talks in a session; the others stand in line.
local REPLY_SECONDS = 24 * 60 * 60

-- A reply is named after its request, as rREQUEST; one that is tried anew is rREQUEST-2 and so on.
local function request_of(reply)
  return string.match(reply, '^r(%d+%-%d+)') or ''
end

local function next_reply(reply)
  local request, number = string.match(reply, '^r(%d+%-%d+)%-?(%d*)$')
  return 'r' .. request .. '-' .. (tonumber(number) or 1) + 1
end

local function new_reply(own, reply, llm, auto)
  redis.call('SADD', own .. 'replies', reply)
  redis.call('EXPIRE', own .. 'replies', REPLY_SECONDS)
  redis.call('HSET', own .. 'reply:' .. reply, 'llm', llm, 'auto', auto)
  redis.call('EXPIRE', own .. 'reply:' .. reply, REPLY_SECONDS)
end

local function take_turn(own, jobs, sid, reply)
  local known = redis.call('HMGET', own .. 'reply:' .. reply, 'llm', 'auto')
  local job = redis.call('XADD', jobs, '*', 'sid', sid, 'request', request_of(reply), 'reply', reply,
    'llm', known[1], 'auto', known[2])
  redis.call('HSET', own .. 'reply:' .. reply, 'job', job)
  redis.call('SET', own .. 'talking', reply, 'EX', REPLY_SECONDS)
end

local function stand_in_line(own, jobs, sid, reply)
  if redis.call('EXISTS', own .. 'talking') == 1 then
    redis.call('RPUSH', own .. 'line', reply)
  else
    take_turn(own, jobs, sid, reply)
  end
end

local function end_reply(own, reply)
  redis.call('DEL', own .. 'reply:' .. reply, own .. 'reply:' .. reply .. ':text')
  redis.call('SREM', own .. 'replies', reply)
end

local function end_turn(own, jobs, sid)
  local reply = redis.call('LPOP', own .. 'line')
  if reply then
    take_turn(own, jobs, sid, reply)
  else
    redis.call('DEL', own .. 'talking')
  end
end

-- Asks the worker that writes an automatic reply to end it; a reply that somebody asked for goes on.
local function interrupt(own, channel, sid)
  local reply = redis.call('GET', own .. 'talking')
  if reply and redis.call('HGET', own .. 'reply:' .. reply, 'auto') == '1' then
    redis.call('HSET', own .. 'reply:' .. reply, 'ended', 'superseded')
    redis.call('PUBLISH', channel, sid .. ' ' .. reply .. ' superseded')
  end
end
