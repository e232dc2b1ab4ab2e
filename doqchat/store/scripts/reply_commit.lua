-- Ends a reply: stores its one terminal event, tells the session's group, and drops what was kept of it meanwhile.
--
-- KEYS  1 the job queue   2 the set of replies under way   3 the reply   4 its text   5 the session's stream
--       6 the jobs that were given up
-- ARGV  1 worker group   2 worker   3 job   4 reply id   5 the terminal event's body   6 participant
--       7 the group's channel   8 'given up' when the job is to be kept for a person to look at, or ''
-- Returns the terminal event's id, or 'lost' when another worker has the job or it was answered.

local lease = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)[1]
if not lease or lease[2] ~= ARGV[2] or redis.call('SISMEMBER', KEYS[2], ARGV[4]) == 0 then
  return 'lost'
end
local last = redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', 1)[1]
local prev = last and last[1] or '0-0'
local id = redis.call('XADD', KEYS[5], '*', 'participant', ARGV[6], 'body', ARGV[5])
redis.call('PUBLISH', ARGV[7], cmsgpack.pack({type = 'session.entry', id = id, prev = prev, body = ARGV[5]}))
if ARGV[8] ~= '' then
  local job = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])[1]
  if job then
    redis.call('XADD', KEYS[6], '*', unpack(job[2]))
  end
end
redis.call('DEL', KEYS[3], KEYS[4])
redis.call('SREM', KEYS[2], ARGV[4])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
return id
