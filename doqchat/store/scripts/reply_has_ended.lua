#!lua flags=no-writes
-- Searches a range of a session for evidence that an inactive reply has existed: its request or its terminal event.
--
-- KEYS  1 the session's stream
-- given reply, begins (start of XRANGE), count (maximum number of entries), participant (the model's role),
--       request_event (the name of a request's event)
-- Returns 'ended', also for every request up to the border, which may be in the archive; 'missing' if the rest of the session has neither; or the id of the last scanned entry.

local request = string.match(given.reply, '^r(%d+%-%d+)')
if request and not is_up_to(request, '0-0') and is_up_to(request, border()) then
  return 'ended'
end

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
