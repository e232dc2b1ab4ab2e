#!lua flags=allow-oom
-- Takes a snapshot of a session, and atomically adds a connection.
-- The connection is published to the group: later messages on the channel are newer than the snapshot.
-- An attempt without a piece is not visible: until then clients show the text of the previous one.
--
-- KEYS  1 the session's presence   2 the set of active replies   3 the read receipts   4 the settings
-- given connection (to add, or ''), seconds (until it expires), channel (of the group), replies (prefix of the keys of
--       replies)
-- Returns {members: {role, count, …}, people: {role, person, name, count, …}, replies: {{reply id, attempt or false, state or false, text or false}, …},
-- read receipts: {role, id, …}, settings: {name, value, …}}. Settings that cannot be read are empty.

note_presence(KEYS[1], 'add', given.seconds, given.connection ~= '' and {given.connection} or {})
local members, people = present_in(KEYS[1])
if given.connection ~= '' then
  local message = {type = 'session.presence', members = members, persons = people, arrived = given.connection}
  redis.call('PUBLISH', given.channel, cmsgpack.pack(message))
end
local replies = {}
for _, reply in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local key = given.replies .. reply
  local known = redis.call('HMGET', key, 'attempt', 'state')
  local attempt, text, before = known[1], redis.call('GET', key .. ':text'), redis.call('GET', key .. ':before')
  if before then
    attempt, text = (attempt or 1) - 1, before
  end
  replies[#replies + 1] = {reply, attempt, known[2], text}
end
local settings = redis.pcall('HGETALL', KEYS[4])
return {members, people, replies, redis.call('HGETALL', KEYS[3]), settings.err and {} or settings}
