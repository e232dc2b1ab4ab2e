#!lua flags=allow-oom
-- Removes the next reply from the queue of a model: the first one of the person whose last turn was the longest ago.
--
-- KEYS  1 the queue
-- given excluded (people whose replies are not taken)
-- Returns {member, turn, person}; {} if the queue has none of other people.

local excluded = {}
for _, person in ipairs(given.excluded) do
  excluded[person] = true
end

local function next_person()
  for _, person in ipairs(redis.call('ZRANGE', turns, 0, #given.excluded)) do
    if not excluded[person] then
      return person
    end
  end
end

-- The first member has no person if the index was lost, or another program has queued it.
local first, first_turn = unpack(redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES'))
if first and redis.call('HEXISTS', people, first) == 0 then
  unqueue(first, '')
  return {first, first_turn, ''}
end
local person = next_person()
while person do
  local member, turn = unpack(redis.call('ZRANGE', members_of(person), 0, 0, 'WITHSCORES'))
  if unqueue(member or '', person) == 1 then
    redis.call('ZADD', turns, 'XX', now_ms(), person)
    return {member, turn, person}
  end
  person = next_person()
end
return {}
