#!lua flags=allow-oom
-- Notes that connections of processes that have ended without closing them have left; also in a full store, from which
-- a worker takes the notes at once.
--
-- KEYS  1 the stream of notes
-- given gone_ms (time without renewal after which a process has ended), count (about how many are noted at once),
--       most (notes that are kept)
-- Returns the number of notes; 0 if there are no more such connections.

local processes = '{' .. KEYS[1] .. '}:processes'
local noted = 0
for _, process in ipairs(redis.call('ZRANGEBYSCORE', processes, '-inf', now_ms() - given.gone_ms)) do
  local open = '{' .. KEYS[1] .. '}:open:' .. process
  if noted < given.count then
    local page = redis.call('HSCAN', open, 0, 'COUNT', given.count)[2]
    for i = 1, #page, 2 do
      redis.call('HDEL', open, page[i])
      redis.call(
        'XADD', KEYS[1], 'MAXLEN', '~', given.most, '*', 'type', 'member.left', 'data', page[i + 1], 'lost', 1
      )
      noted = noted + 1
    end
  end
  if redis.call('EXISTS', open) == 0 then
    redis.call('ZREM', processes, process)
  end
end
return noted
