#!lua flags=no-writes
-- Looks in a stretch of a session for what shows that a reply, which is not under way, has ended: the request that it is
-- named after, or the event that ended it.
--
-- KEYS  1 the session's stream
-- given reply, begins (as XRANGE takes it), count (entries to look at, at most), participant (that ends replies),
--       request_event (the name of a request's event)
-- Returns 'ended'; 'missing' when nothing in the rest of the session shows it; or the id of the last entry looked at.

local function is_request(body)
  local read, envelope = pcall(cjson.decode, body)
  local hd = read and type(envelope) == 'table' and envelope.hd
  return type(hd) == 'table' and hd.event == given.request_event
end

local named = '"reply_id":"' .. given.reply .. '"'
local entries = redis.call('XRANGE', KEYS[1], given.begins, '+', 'COUNT', given.count)
for _, entry in ipairs(entries) do
  local fields = {}
  for i = 1, #entry[2], 2 do
    fields[entry[2][i]] = entry[2][i + 1]
  end
  local body = fields.body or ''
  if ('r' .. entry[1] == given.reply and is_request(body))
    or (fields.participant == given.participant and string.find(body, named, 1, true)) then
    return 'ended'
  end
end
return #entries < given.count and 'missing' or entries[#entries][1]
