#!lua
-- Does nothing. A script without flags may write, so a store that refuses writes rejects it with the reason.
return 1
