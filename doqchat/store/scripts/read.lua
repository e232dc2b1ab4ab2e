#!lua flags=allow-oom
-- Moves the read receipt of a role forwards.
--
-- KEYS  1 the session's stream   2 the read receipts
-- given role, id (of the entry)
-- Returns 'noted', 'known' if the mark is there or further, or 'missing' if there is no such entry. Entries up to the
-- border are in the archive and are not looked up.

if #redis.call('XRANGE', KEYS[1], given.id, given.id) == 0 
  and (is_up_to(given.id, '0-0') or not is_up_to(given.id, border())) then
  return 'missing'
end
if is_up_to(given.id, redis.call('HGET', KEYS[2], given.role) or '') then
  return 'known'
end
redis.call('HSET', KEYS[2], given.role, given.id)
return 'noted'
