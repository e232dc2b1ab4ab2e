-- Sliding-window rate limit over 60 seconds: a list has the times of the newest requests, in ms, at most as many as the
-- limit. A limit of 0 is none.

-- Milliseconds until the next request is allowed; 0 for now. Times in the future are from before the clock was set back
-- and do not count.
local function wait_for_rate(moments, most, now)
  local first = most > 0 and redis.call('LINDEX', moments, most - 1)
  local ago = first and now - first
  return ago and ago >= 0 and math.max(60000 - ago, 0) or 0
end

local function count_in_rate(moments, most, now)
  if most > 0 then
    redis.call('LPUSH', moments, now)
    redis.call('LTRIM', moments, 0, most - 1)
    redis.call('PEXPIRE', moments, 60000)
  end
end
