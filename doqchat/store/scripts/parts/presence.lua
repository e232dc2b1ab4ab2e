-- The connections of a session, by the moment at which each runs out unless it says again that it is there.
-- None of it is written to disk or sent to replicas: after a crash everybody says again who is there, and those who
-- talk need not wait for the disk because others come and go.
local AT_ONCE = 1000  -- arguments of one command; Lua unpacks less than 8,000

local function note_presence(key, what, seconds, connections)
  local time = redis.call('TIME')
  local now = time[1] + time[2] / 1000000
  redis.set_repl(redis.REPL_NONE)
  local changed = redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  for first = 1, #connections, AT_ONCE do
    local arguments = {}
    for i = first, math.min(first + AT_ONCE - 1, #connections) do
      if what == 'here' then
        arguments[#arguments + 1] = now + seconds
      end
      arguments[#arguments + 1] = connections[i]
    end
    changed = changed + redis.call(what == 'here' and 'ZADD' or 'ZREM', key, unpack(arguments))
  end
  redis.call('EXPIRE', key, math.ceil(seconds * 2))
  redis.set_repl(redis.REPL_ALL)
  return changed
end

-- How many connections each role has: {role, count, role, count, …}
local function members_of(key)
  local members, flat = {}, {}
  for _, connection in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local role = string.match(connection, '^[^:]*')
    members[role] = (members[role] or 0) + 1
  end
  for role, count in pairs(members) do
    flat[#flat + 1] = role
    flat[#flat + 1] = count
  end
  return flat
end
