-- Counts the tokens that an attempt at a reply has used, once however often the script is run for it: `counted` is set
-- then, for as long as that may be. The day's count is a hint: that it cannot be changed stops nothing.
local function spend(day, counted, tokens, kept_seconds, counted_seconds)
  if tonumber(tokens) > 0 and redis.call('SET', counted, 1, 'NX', 'EX', counted_seconds) then
    redis.pcall('INCRBY', day, tokens)
    redis.pcall('EXPIRE', day, kept_seconds)
  end
end
