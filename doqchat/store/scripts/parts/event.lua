-- The JSON text of an event about a reply. `event` has head (the text before its `bd`) and bd (its fields); the ids are
-- set here.
local function event_json(event, reply)
  event.bd.reply_id, event.bd.request_id = reply, request_of(reply)
  return event.head .. cjson.encode(event.bd) .. '}'
end
