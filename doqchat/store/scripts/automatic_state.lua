#!lua flags=no-writes
-- Whether a session's automatic reply can start: not while another reply is running or, unless the assistant was
-- mentioned, a person types. The pause before it also applies after a reply.
--
-- KEYS  1 the session's stream
-- given again_ms (interval between checks), wait_ms (default pause), longest_wait_ms (maximum wait)
-- Returns {'ready', the request, the person who has caused it}, {'later', ms of the store's clock at which to check again} or {'none'}.

local now = now_ms()

local function is_someone_typing()
  local marks = redis.pcall('HVALS', own .. 'typing')
  for _, expires_at in ipairs(marks.err and {} or marks) do
    if (tonumber(expires_at) or 0) > now then
      return true
    end
  end
  return false
end

local due = redis.call('HMGET', own .. 'due', 'request', 'since', 'called', 'at', 'person')
local request, since, called, at, person = unpack(due)
if not request then
  return {'none'}
end
since, at = tonumber(since) or 0, tonumber(at) or 0
local settings = redis.pcall('HMGET', own .. 'settings', 'wait_seconds')
local wait = wait_of(settings[1], given.wait_ms)
local may_wait = since <= now and since + given.longest_wait_ms > now
if at > now and at <= now + given.longest_wait_ms then  -- a later time is from before the clock was set back
  return {'later', at}
elseif redis.call('EXISTS', own .. 'current') == 1 or (may_wait and not called and is_someone_typing()) then
  return {'later', now + given.again_ms}
elseif since <= now and since + wait > now then
  return {'later', since + wait}
end
return {'ready', request, person or ''}
