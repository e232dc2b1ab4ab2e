-- The connections of a session, by the moment at which each runs out unless it says again that it is there.
-- None of it is written to disk or sent to replicas: after a crash everybody says again who is there, and those who
-- talk need not wait for the disk because others come and go.
local function note_presence(key, what, seconds, connections)
  local time = redis.call('TIME')
  local now = time[1] + time[2] / 1000000
  redis.set_repl(redis.REPL_NONE)
  local changed = redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  for _, connection in ipairs(connections) do
    if what == 'here' then
      changed = changed + redis.call('ZADD', key, now + seconds, connection)
    else
      changed = changed + redis.call('ZREM', key, connection)
    end
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
