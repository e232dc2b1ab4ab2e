#!lua flags=allow-oom
-- Deletes notes, so that nothing of them is left: XDEL leaves the bytes of an entry among those of its neighbours.
--
-- KEYS  1 the stream of notes
-- given ids (of the notes)

local unwanted = {}
for _, id in ipairs(given.ids) do
  unwanted[id] = true
end
local rest = '{' .. KEYS[1] .. '}:rest'
for _, note in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
  if not unwanted[note[1]] then
    redis.call('XADD', rest, note[1], unpack(note[2]))
  end
end
if redis.call('EXISTS', rest) == 1 then
  redis.call('RENAME', rest, KEYS[1])
else
  redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)
end
