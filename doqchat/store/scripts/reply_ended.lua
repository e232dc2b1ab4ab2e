#!lua flags=no-writes
-- Looks in a stretch of a session for what shows that a reply, which is not under way, has ended: the request that it is
-- named after, or the event that ended it.
--
-- KEYS  1 the session's stream
-- ARGV  1 reply id   2 where the stretch begins, as XRANGE takes it   3 entries to look at, at most
--       4 the participant that ends replies   5 the event of a request
-- Returns 'ended'; 'missing' when nothing in the rest of the session shows it; or the id of the last entry looked at.

local function is_request(body)
  local read, envelope = pcall(cjson.decode, body)
  local hd = read and type(envelope) == 'table' and envelope.hd
  return type(hd) == 'table' and hd.event == ARGV[5]
end

local named = '"reply_id":"' .. ARGV[1] .. '"'
local entries = redis.call('XRANGE', KEYS[1], ARGV[2], '+', 'COUNT', ARGV[3])
for _, entry in ipairs(entries) do
  local fields = {}
  for i = 1, #entry[2], 2 do
    fields[entry[2][i]] = entry[2][i + 1]
  end
  local body = fields.body or ''
  if ('r' .. entry[1] == ARGV[1] and is_request(body))
    or (fields.participant == ARGV[4] and string.find(body, named, 1, true)) then
    return 'ended'
  end
end
return #entries < tonumber(ARGV[3]) and 'missing' or entries[#entries][1]
