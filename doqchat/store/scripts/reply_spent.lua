#!lua flags=allow-oom
-- Counts the tokens of an attempt at a reply, once, however often it runs; also in a full store, so that active replies
-- can end.
--
-- KEYS  1 the day's counter   2 marks this attempt as counted, in the same slot
-- given tokens, kept_seconds (expiry of the counter), counted_seconds (expiry of the mark)

if redis.call('SET', KEYS[2], 1, 'NX', 'EX', given.counted_seconds) then
  redis.call('INCRBY', KEYS[1], given.tokens)
  redis.call('EXPIRE', KEYS[1], given.kept_seconds)
end
