#!lua flags=allow-oom
-- Takes a snapshot of a session, and notes at the same moment that a connection has arrived.
-- The session's group is told of it: what comes on the channel after that has happened after the snapshot was taken.
-- An attempt that has said nothing yet is not seen: people still have before them what the one before has said.
--
-- KEYS  1 the session's presence   2 the set of replies under way   3 how far each role has read
-- given connection (that arrives, or ''), seconds (that a connection stays without saying that it is there), channel (the
--       group's), replies (what the keys of this session's replies begin with)
-- Returns {members: {role, count, …}, replies: {{reply id, attempt or false, state or false, text or false}, …},
-- read marks: {role, id, …}}.

note_presence(KEYS[1], 'here', given.seconds, given.connection ~= '' and {given.connection} or {})
local members = members_of(KEYS[1])
if given.connection ~= '' then
  local told = {type = 'session.presence', members = members, arrived = given.connection}
  redis.call('PUBLISH', given.channel, cmsgpack.pack(told))
end
local replies = {}
for _, reply in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local key = given.replies .. reply
  local known = redis.call('HMGET', key, 'attempt', 'state')
  local attempt, text, before = known[1], redis.call('GET', key .. ':text'), redis.call('GET', key .. ':before')
  if before then
    attempt, text = (attempt or 1) - 1, before
  end
  replies[#replies + 1] = {reply, attempt, known[2], text}
end
return {members, replies, redis.call('HGETALL', KEYS[3])}
