-- Reads a range of a stream, a few entries at a time, so that it takes little more than `bytes` of memory, however
-- large the entries are. `from` and `to` are arguments of the command, XRANGE or XREVRANGE.
-- Returns the entries, their size in bytes, and whether there may be more.
local FEW, LAST_ID = 10, '18446744073709551615-18446744073709551615'

local function read_range(stream, command, from, to, count, bytes)
  local entries, size, largest = {}, 0, bytes
  while #entries < count and size < bytes do
    local step = math.max(1, math.min(FEW, count - #entries, math.floor((bytes - size) / largest)))
    local read = redis.call(command, stream, from, to, 'COUNT', step)
    largest = 1
    for _, entry in ipairs(read) do
      local before = size
      for _, part in ipairs(entry[2]) do
        size = size + #part
      end
      largest = math.max(largest, size - before)
      entries[#entries + 1] = entry
    end
    if #read < step or (command == 'XRANGE' and entries[#entries][1] == LAST_ID) then
      return entries, size, false
    end
    from = '(' .. entries[#entries][1]
  end
  return entries, size, true
end
