-- The lease of a job, as XPENDING gives it, when this worker holds it.
local function lease_of(jobs, group, worker, job)
  local lease = redis.call('XPENDING', jobs, group, job, job, 1)[1]
  if lease and lease[2] == worker then
    return lease
  end
end
