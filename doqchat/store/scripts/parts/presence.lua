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

-- The connections per role, {role, count, …}, and the people, {role, person, name, count, …}: the first `most_people` in the
-- order of their entries. They are ROLE:ID:PERSON:NAME or ROLE:ID; those that differ only in their id are one
-- person.
local function present_in(key)
  local members, people, entries = {}, {}, {}
  for _, connection in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local role, person = string.match(connection, '^([^:]*):?[^:]*(.*)$')
    members[role] = (members[role] or 0) + 1
    local entry = role .. person
    if not people[entry] then
      entries[#entries + 1] = entry
    end
    people[entry] = (people[entry] or 0) + 1
  end
  if #entries > constants.most_people then
    table.sort(entries)
  end
  local counts, listed = {}, {}
  for role, count in pairs(members) do
    counts[#counts + 1] = role
    counts[#counts + 1] = count
  end
  for i = 1, math.min(constants.most_people, #entries) do
    local role, person, name = string.match(entries[i], '^([^:]*):?([^:]*):?(.*)$')
    listed[#listed + 1] = role
    listed[#listed + 1] = person
    listed[#listed + 1] = name
    listed[#listed + 1] = people[entries[i]]
  end
  return counts, listed
end
