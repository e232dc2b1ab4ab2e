-- Notes that connections are there, or gone, and tells the session's group when that changes who is there.
-- A connection that stops saying so runs out by itself: its process may have died without a word.
--
-- KEYS  1 the session's presence
-- ARGV  1 'here' or 'gone'   2 seconds that a connection stays without saying so   3 the group's channel
--       4… connections, each ROLE:NAME
-- Returns the connections of each role: {role, count, role, count, …}

local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local changed = redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for i = 4, #ARGV do
  if ARGV[1] == 'here' then
    changed = changed + redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[i])
  else
    changed = changed + redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[2] * 2))

local members, flat = {}, {}
for _, connection in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local role = string.match(connection, '^[^:]*')
  members[role] = (members[role] or 0) + 1
end
for role, count in pairs(members) do
  flat[#flat + 1] = role
  flat[#flat + 1] = count
end
if changed > 0 then
  redis.call('PUBLISH', ARGV[3], cmsgpack.pack({type = 'session.presence', members = flat}))
end
return flat
