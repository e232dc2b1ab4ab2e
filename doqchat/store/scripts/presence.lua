#!lua flags=allow-oom
-- Notes that connections are there, or gone, and tells the session's group when that changes who is there; or tells
-- it anyway.
-- A connection that stops saying so runs out by itself: its process may have died without a word.
--
-- KEYS  1 the session's presence
-- ARGV  1 'here', 'gone' or 'tell'   2 seconds that a connection stays without saying so   3 the group's channel
--       4… connections, each ROLE:NAME
-- Returns the connections of each role: {role, count, role, count, …}

local connections = {}
for i = 4, #ARGV do
  connections[i - 3] = ARGV[i]
end
local changed = note_presence(KEYS[1], ARGV[1], ARGV[2], connections)
local members = members_of(KEYS[1])
if changed > 0 or ARGV[1] == 'tell' then
  redis.call('PUBLISH', ARGV[3], cmsgpack.pack({type = 'session.presence', members = members}))
end
return members
