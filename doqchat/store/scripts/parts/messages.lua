-- Rate limits of stored events per minute: token buckets in a hash. The field of each is the time at which it is full
-- again, in ms. A list of moments as for requests would take memory for each event.

-- The first limit that an event exceeds and the ms until it is allowed; or nil, and the fields for `count_message`.
local function over_message_limit(now)
  local limits = {
    {'session_messages', 'messages', constants.session_messages, 1},
    {'role_messages', 'messages:' .. given.participant, constants.role_messages, 1},
    {'role_bytes', 'bytes:' .. given.participant, constants.role_bytes, #given.body},
    {'session_bytes', 'bytes', constants.session_bytes, #given.body},
  }
  local names, full_at = {}, {}
  for _, limit in ipairs(limits) do
    names[#names + 1] = limit[2]
  end
  local buckets = redis.call('HMGET', own .. 'rates', unpack(names))
  for number, limit in ipairs(limits) do
    local _, name, most, amount = unpack(limit)
    if most > 0 then
      -- A time later than a full minute is from before the clock was set back.
      local bucket = math.min(tonumber(buckets[number] or 0) or 0, now + 60000)
      local full = math.max(bucket, now) + amount * 60000 / most
      if full > now + 60000 then
        return limit[1], math.ceil(full - now - 60000)
      end
      full_at[#full_at + 1] = name
      full_at[#full_at + 1] = string.format('%.3f', full)
    end
  end
  return nil, nil, full_at
end

-- Not written to disk or replicated: a message need not wait for the disk twice.
local function count_message(full_at)
  if #full_at > 0 then
    redis.set_repl(redis.REPL_NONE)
    redis.call('HSET', own .. 'rates', unpack(full_at))
    redis.call('PEXPIRE', own .. 'rates', 60000)
    redis.set_repl(redis.REPL_ALL)
  end
end
