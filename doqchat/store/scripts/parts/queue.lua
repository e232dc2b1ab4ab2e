-- The queue of one model: a sorted set of `SID REPLY`, by turn. People take turns, so other keys in its hash slot index
-- it by person: `people` (hash: the person of each member), `of:PERSON` (sorted set of a person's members, by turn) and
-- `turns` (sorted set of the people, by the time of their last turn).
local queue = KEYS[1]
local index = '{' .. queue .. '}:'
local people, turns = index .. 'people', index .. 'turns'

local function members_of(person)
  return index .. 'of:' .. person
end

-- Removes a member of a person, and the person with the last member; returns 1 if it was queued, otherwise 0.
local function unqueue(member, person)
  local removed = redis.call('ZREM', queue, member)
  redis.call('HDEL', people, member)
  redis.call('ZREM', members_of(person), member)
  if redis.call('EXISTS', members_of(person)) == 0 then
    redis.call('ZREM', turns, person)
  end
  return removed
end
