-- Counts the tokens that an attempt at a reply has used, once however often the script is run for it: `counted` is set
-- then, for as long as that may be. The day's count is a hint: that it cannot be changed stops nothing.
-- `spent` has tokens, kept_seconds (of the day's count) and counted_seconds.
local function spend(day, counted, spent)
  if spent.tokens > 0 and redis.call('SET', counted, 1, 'NX', 'EX', spent.counted_seconds) then
    redis.pcall('INCRBY', day, spent.tokens)
    redis.pcall('EXPIRE', day, spent.kept_seconds)
  end
end
