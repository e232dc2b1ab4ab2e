"""Tunes garbage collection for short pauses."""

import gc

OFTEN = 500, 3
"""Young collections are frequent and short: at most 1,500 objects, in half a millisecond. With Python's thresholds they
take 2 ms while many clients connect, and sometimes 10."""

SELDOM = 200
"""The ratio of young to full collections: one full collection per 300,000 surviving objects."""


def settle() -> None:
    """Freeze all current objects, and collect the others rarely.

    A full collection stops the process for 190 ms with 1,000 connections, mostly to traverse imported objects that live
    as long as the process. Sessions and connections are freed by reference counting. Only Django's pages (50 objects
    each: a request and its message storage refer to each other, as do a template's contexts) and its database
    connections leave cycles for a full collection. Call this once, after all imports.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*OFTEN, SELDOM)
