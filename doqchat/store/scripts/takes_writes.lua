#!lua
-- Does nothing. A script without flags may write: a store that takes no writes refuses it, and says why.
return 1
