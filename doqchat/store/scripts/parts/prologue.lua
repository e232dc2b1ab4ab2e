-- The beginning of every script. `given` has its named arguments, as one msgpack map.
local given = cmsgpack.unpack(ARGV[1])

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
