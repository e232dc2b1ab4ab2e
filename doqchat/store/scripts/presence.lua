#!lua flags=allow-oom
-- Adds, renews or removes connections, and publishes the presence to the group if it has changed, or if asked to.
-- A connection that is not renewed expires, because its process may have been killed.
--
-- KEYS  1 the session's presence
-- given what ('add', 'remove' or 'publish'), seconds (until a connection expires), channel (of the group), connections
-- Returns {connections per role: {role, count, …}, people: {role, person, name, count, …}}

local changed = note_presence(KEYS[1], given.what, given.seconds, given.connections)
local members, people = present_in(KEYS[1])
if changed > 0 or given.what == 'publish' then
  redis.call('PUBLISH', given.channel, cmsgpack.pack({type = 'session.presence', members = members, persons = people}))
end
return {members, people}
