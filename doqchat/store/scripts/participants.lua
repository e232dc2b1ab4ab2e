#!lua flags=no-writes
-- Counts who speaks in a stretch of a session, so that the bodies need not travel.
--
-- KEYS  1 the session's stream
-- ARGV  1 where the stretch begins, as XRANGE takes it   2 entries to look at, at most
-- Returns {entries looked at, the last one's id or '', entries in the whole stream, role, count, role, count, …}

local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
local counts = {}
for _, entry in ipairs(entries) do
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == 'participant' then
      counts[fields[i + 1]] = (counts[fields[i + 1]] or 0) + 1
    end
  end
end

local flat = {#entries, #entries > 0 and entries[#entries][1] or '', redis.call('XLEN', KEYS[1])}
for role, count in pairs(counts) do
  flat[#flat + 1] = role
  flat[#flat + 1] = count
end
return flat
