-- The connections of a session, by the time at which each expires unless it is renewed.
-- They are not written to disk or replicated: after a crash all connections are renewed, and messages need not wait for
-- the disk because others join and leave.
local AT_ONCE = 1000  -- connections per command; Lua can unpack fewer than 8,000 arguments

local function note_presence(key, what, seconds, connections)
  local time = redis.call('TIME')
  local now = time[1] + time[2] / 1000000
  redis.set_repl(redis.REPL_NONE)
  local changed = redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  for first = 1, #connections, AT_ONCE do
    local arguments = {}
    for i = first, math.min(first + AT_ONCE - 1, #connections) do
      if what == 'add' then
        arguments[#arguments + 1] = now + seconds
      end
      arguments[#arguments + 1] = connections[i]
    end
    changed = changed + redis.call(what == 'add' and 'ZADD' or 'ZREM', key, unpack(arguments))
  end
  redis.call('EXPIRE', key, math.ceil(seconds * 2))
  redis.set_repl(redis.REPL_ALL)
  return changed
end

-- The number of connections per role: {role, count, role, count, …}
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
