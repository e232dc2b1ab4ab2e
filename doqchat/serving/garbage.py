"""Garbage collections that are too short for anybody in a conversation to notice."""

import gc

OFTEN = 500, 3
"""Collections of what is new come often, and so look at little: at 1,500 objects at most, in half a millisecond. With
Python's own thresholds they take 2 ms while many clients connect, and sometimes 10."""

SELDOM = 200
"""Full collections come so many times less often than those: once for 300,000 objects that are left."""


def settle() -> None:
    """Leave all that is loaded by now out of every later collection, and look at the rest seldom.

    A full collection stops the process while it looks at every object: 190 ms with 1,000 connections, most of it for
    what was imported at the start and lives as long as the process. Sessions and connections are freed without it.
    Cycles that only a full collection frees are left by Django's pages (50 objects each: a request and its message
    storage refer to each other, a template's contexts too) and by its database connections. Call it once, when
    everything is imported.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*OFTEN, SELDOM)
