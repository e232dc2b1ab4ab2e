-- Requests are counted in any 60 seconds: a list has the moments of the newest ones, in ms, as many as may be in that
-- time. A limit of 0 is none.

-- Milliseconds until one more may come; 0 when it may come now. Moments that are yet to come were before the clock was
-- set back: they count no more.
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
