#!lua flags=no-writes
-- Returns what shows whether events of a session were removed.
--
-- KEYS  1 the session's stream
-- Returns {entries kept, entries ever added, highest id removed by XDEL, last id, first id kept or false}, or {}
-- if there is no stream.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
local known = {}
local flat = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #flat, 2 do
  known[flat[i]] = flat[i + 1]
end
local first = known['first-entry']
return {
  known['length'], known['entries-added'], known['max-deleted-entry-id'], known['last-generated-id'],
  first and first[1],
}
