"""Garbage collections that are too short for anybody in a conversation to notice."""

import gc

SELDOM = 200
"""Full collections come so many times less often than those of the generation below, ten times less than usual."""


def settle() -> None:
    """Leave all that is loaded by now out of every later collection, and look at the rest seldom.

    A full collection stops the process while it looks at every object: 190 ms with 1,000 connections, most of it for
    what was imported at the start and lives as long as the process. Connections and sessions are freed without it, as
    they leave no cycles. Call it once, when everything is imported.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, SELDOM)
