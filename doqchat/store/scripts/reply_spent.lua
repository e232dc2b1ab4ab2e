#!lua flags=allow-oom
-- Counts the tokens that an attempt has used at a reply which others have ended, or will: also in a full store, whose
-- replies are to end.
--
-- KEYS  1 the day's tokens   2 that this attempt was counted
-- given spent (see parts/tokens.lua)

spend(KEYS[1], KEYS[2], given.spent)
