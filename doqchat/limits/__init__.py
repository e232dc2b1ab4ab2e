"""Rate limits and counts of what clients do, in the memory of one process or for a script of the store."""
