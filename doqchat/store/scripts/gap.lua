#!lua flags=no-writes
-- Returns what shows whether events of a session were removed.
--
-- KEYS  1 the session's stream
-- Returns {entries kept, entries ever added without those that are in the archive, highest id removed by XDEL, last id,
-- the border between the archive and the stream, first id kept or false}, or {} if the session is not in the store.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
local known = {}
local flat = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #flat, 2 do
  known[flat[i]] = flat[i + 1]
end
local first = known['first-entry']
local archived = tonumber(redis.call('HGET', own .. 'archive', 'trimmed') or 0)
return {
  known['length'], known['entries-added'] - archived, known['max-deleted-entry-id'], known['last-generated-id'], border(),
  first and first[1],
}
