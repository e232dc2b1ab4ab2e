#!lua flags=no-writes
-- Counts the events per role in a range of a session, without sending the bodies.
--
-- KEYS  1 the session's stream
-- given begins (start of XRANGE), count (maximum number of entries), bytes (after which it stops)
-- Returns {scanned entries, the last one's id or '', 1 if there may be more or 0, entries in the whole stream, the border
-- between the archive and the stream, or '' if the session is not in the store, role, count, role, count, …}

local function participant_of(fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'participant' then
      return fields[i + 1]
    end
  end
end

local entries, _, more = read_range(KEYS[1], 'XRANGE', given.begins, '+', given.count, given.bytes)
local counts = {}
for _, entry in ipairs(entries) do
  local role = participant_of(entry[2])
  if role then
    counts[role] = (counts[role] or 0) + 1
  end
end

local last = #entries > 0 and entries[#entries][1] or ''
local there = redis.call('EXISTS', KEYS[1]) == 1
local flat = {#entries, last, more and 1 or 0, redis.call('XLEN', KEYS[1]), there and border() or ''}
for role, count in pairs(counts) do
  flat[#flat + 1] = role
  flat[#flat + 1] = count
end
return flat
