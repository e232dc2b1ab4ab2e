#!lua flags=no-writes
-- Whether a session's automatic reply can start: not while another reply has its turn or, unless the assistant was
-- called, a person types. After a reply people get as long to go on as after a message of theirs.
--
-- KEYS  1 the session's stream
-- given again_ms (until it is worth looking again), wait_ms (for people who go on talking, by default), longest_wait_ms
-- Returns {'ready', the request}, {'later', when to look again, ms of the store's clock} or {'none'}.

local now = now_ms()

local function somebody_types()
  local marks = redis.pcall('HVALS', own .. 'typing')
  for _, until_then in ipairs(marks.err and {} or marks) do
    if (tonumber(until_then) or 0) > now then
      return true
    end
  end
  return false
end

local request, since, called, at = unpack(redis.call('HMGET', own .. 'due', 'request', 'since', 'called', 'at'))
if not request then
  return {'none'}
end
since, at = tonumber(since) or 0, tonumber(at) or 0
local settings = redis.pcall('HMGET', own .. 'settings', 'wait_seconds')
local wait = wait_of(settings[1], given.wait_ms)
local may_wait = since <= now and since + given.longest_wait_ms > now
if at > now and at <= now + given.longest_wait_ms then  -- later than that it was before the clock was set back
  return {'later', at}
elseif redis.call('EXISTS', own .. 'talking') == 1 or (may_wait and not called and somebody_types()) then
  return {'later', now + given.again_ms}
elseif since <= now and since + wait > now then
  return {'later', since + wait}
end
return {'ready', request}
