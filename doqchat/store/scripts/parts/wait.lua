-- How long an automatic reply waits after a message, ms: as the session sets it, the default where that cannot be used.
local function wait_of(seconds, default)
  seconds = tonumber(seconds)
  return seconds and seconds >= 0.3 and seconds <= 30 and seconds * 1000 or tonumber(default)
end
