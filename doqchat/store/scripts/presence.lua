#!lua flags=allow-oom
-- Notes that connections are there, or gone, and tells the session's group when that changes who is there; or tells
-- it anyway.
-- A connection that stops saying so runs out by itself: its process may have died without a word.
--
-- KEYS  1 the session's presence
-- given what ('here', 'gone' or 'tell'), seconds (that a connection stays without saying so), channel (the group's),
--       connections (each ROLE:NAME)
-- Returns the connections of each role: {role, count, role, count, …}

local changed = note_presence(KEYS[1], given.what, given.seconds, given.connections)
local members = members_of(KEYS[1])
if changed > 0 or given.what == 'tell' then
  redis.call('PUBLISH', given.channel, cmsgpack.pack({type = 'session.presence', members = members}))
end
return members
