#!lua flags=no-writes
-- What goes on with replies on this server, in numbers.
--
-- KEYS  1 the job queues   2 the jobs that were given up   3 the sessions that are due an automatic reply
--       4 the day's tokens   5 the counters   6 what the names of the lines begin with
-- given group (of workers), gone_ms (without a sign of life after which a worker counts as gone), aliases (of models)
-- Returns {{alias, jobs that no worker has, jobs that one has, workers, ms since the oldest of the first or of those in
-- line was asked, requests in line, alias, …}, jobs given up, sessions due, tokens, {counter, amount, …}}, for those
-- models and all that were ever asked.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- When the oldest request was made whose job no worker has; now if there is none.
local function oldest_job(queue)
  local from = '-'
  local groups = redis.pcall('XINFO', 'GROUPS', queue)
  for _, group in ipairs(groups.err and {} or groups) do
    for i = 1, #group, 2 do
      if group[i] == 'last-delivered-id' then
        from = '(' .. group[i + 1]
      end
    end
  end
  local job = redis.pcall('XRANGE', queue, from, '+', 'COUNT', 1)[1]
  for i = 1, job and #job[2] or 0, 2 do
    if job[2][i] == 'request' then
      return tonumber(string.match(job[2][i + 1], '^%d+')) or now
    end
  end
  return now
end

-- The same for the requests that stand in line behind another of their session.
local function oldest_in_line(line)
  return tonumber(redis.pcall('ZRANGE', line, 0, 0, 'WITHSCORES')[2]) or now
end

local aliases, seen = redis.call('SMEMBERS', KEYS[1]), {}
for _, alias in ipairs(given.aliases) do
  aliases[#aliases + 1] = alias
end
local queues = {}
for _, alias in ipairs(aliases) do
  if not seen[alias] then
    seen[alias] = true
    local queue = KEYS[1] .. ':' .. alias
    local pending = redis.pcall('XPENDING', queue, given.group)
    local taken = pending.err and 0 or pending[1]
    local length = redis.pcall('XLEN', queue)
    queues[#queues + 1] = alias
    queues[#queues + 1] = math.max((tonumber(length) or 0) - taken, 0)
    queues[#queues + 1] = taken
    queues[#queues + 1] = workers_at(queue, given.group, given.gone_ms)
    local line = KEYS[6] .. alias
    queues[#queues + 1] = math.max(now - math.min(oldest_job(queue), oldest_in_line(line)), 0)
    queues[#queues + 1] = tonumber(redis.pcall('ZCARD', line)) or 0
  end
end
return {
  queues, redis.call('XLEN', KEYS[2]), redis.call('ZCARD', KEYS[3]), redis.call('GET', KEYS[4]) or '0',
  redis.call('HGETALL', KEYS[5]),
}
