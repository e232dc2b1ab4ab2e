#!lua flags=allow-oom
-- Counts the tokens that an attempt has used at a reply which others have ended, or will: also in a full store, whose
-- replies are to end.
--
-- KEYS  1 the day's tokens   2 that this attempt was counted
-- ARGV  1 tokens   2 seconds that the day's tokens are kept   3 seconds that it is kept that the attempt was counted

spend(KEYS[1], KEYS[2], unpack(ARGV))
