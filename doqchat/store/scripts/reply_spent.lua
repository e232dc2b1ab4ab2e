#!lua flags=allow-oom
-- Counts the tokens that an attempt at a reply has used, once however often it runs for it: also in a full store, whose
-- replies are to end.
--
-- KEYS  1 the day's tokens   2 that this attempt was counted, in the same slot
-- given tokens, kept_seconds (of the day's count), counted_seconds (for which it may run again)

if redis.call('SET', KEYS[2], 1, 'NX', 'EX', given.counted_seconds) then
  redis.call('INCRBY', KEYS[1], given.tokens)
  redis.call('EXPIRE', KEYS[1], given.kept_seconds)
end
