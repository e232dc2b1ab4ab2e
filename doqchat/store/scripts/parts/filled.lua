-- Replaces the first empty string of this name in JSON text by a value that only the script knows.
local function filled(body, field, value)
  local empty = '"' .. field .. '":""'
  return (string.gsub(body, empty, function() return '"' .. field .. '":' .. cjson.encode(value) end, 1))
end
