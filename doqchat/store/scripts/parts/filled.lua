-- JSON text with a value in place of the first empty string of that name: what only the store knows is filled in here.
local function filled(body, field, value)
  local empty = '"' .. field .. '":""'
  return (string.gsub(body, empty, function() return '"' .. field .. '":' .. cjson.encode(value) end, 1))
end
