-- The session, whose stream is the script's first key. All keys of a session are in the hash slot of its stream, and a
-- script touches keys of one slot only.
local stream = KEYS[1]
local sid = string.match(stream, '^chat:session:(.*)$')
local own = '{' .. stream .. '}:'

-- Updates of other slots, which the caller posts after the script: see store/hints.py.
local hints = {}

local function hint(...)
  hints[#hints + 1] = {...}
end
