-- The pause before an automatic reply in ms: the session's setting, or the default if it is missing or invalid.
local function wait_of(seconds, default)
  seconds = tonumber(seconds)
  return seconds and seconds >= 0.3 and seconds <= 30 and seconds * 1000 or tonumber(default)
end
