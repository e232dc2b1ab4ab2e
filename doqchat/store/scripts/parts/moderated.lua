-- Whether moderators refuse an event of a role: 'closed' or 'muted', and the ms until the mute ends, or 0; or nil.
-- `closed` and `muted` are fields of the session's settings; a mute of 0 has no end.
local function moderated(closed, muted, now)
  local ends = tonumber(muted or nil)
  if closed then
    return 'closed', 0
  elseif ends and (ends == 0 or ends > now) then
    return 'muted', math.max(ends - now, 0)
  end
end
