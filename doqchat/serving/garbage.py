"""Tunes garbage collection for short pauses, and returns free memory to the system."""

import asyncio
import ctypes
import gc
from time import perf_counter
from typing import NoReturn

OFTEN = 500, 3
"""Young collections are frequent and short: at most 1,500 objects, in half a millisecond. With Python's thresholds they
take 2 ms while many clients connect, and sometimes 10."""

NEVER = 1_000_000
"""The threshold of automatic full collections: `maintain` runs them instead."""

DUE = 60
"""Number of young collections after which a full one is due: 90,000 surviving objects."""

OVERDUE = 4 * DUE
"""Number of young collections after which a full one no longer waits for a calm moment."""

CHECK_SECONDS = 1.0

CALM_CHECKS = 3
"""Number of checks in a row, with at most one young collection in between, that make a moment calm."""

SHARE = 0.01
"""Maximum share of the time that full collections take: the more objects there are, the longer is each."""

RETURN_SECONDS = 5.0
"""Interval at which free memory is returned to the system."""


def tune() -> None:
    """Freeze all current objects, and end automatic full collections.

    A full collection stops the process for 190 ms with 1,000 connections, mostly to traverse imported objects that live
    as long as the process, and for 45 to 95 ms without those. Sessions and connections are freed by reference counting.
    Only Django's pages (50 objects each: a request and its message storage refer to each other, as do a template's
    contexts) and its database connections leave cycles for a full collection. Call this once, after all imports, and
    run `maintain` from then on.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*OFTEN, NEVER)


async def maintain() -> None:
    """Collect garbage and return memory, for as long as this runs."""
    await asyncio.gather(_collect_when_calm(), _return_memory())


async def _collect_when_calm() -> NoReturn:
    """Run a full collection when one is due, but not while many clients connect.

    Their objects survive, which is what makes it due: three times in the 8 seconds in which 1,000 clients reconnect,
    if it ran at once.
    """
    before, calm, earliest = 0, 0, 0.0
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        young = gc.get_count()[2]
        calm = calm + 1 if young <= before + 1 else 0
        before = young
        if young >= DUE and (calm >= CALM_CHECKS or young >= OVERDUE) and perf_counter() >= earliest:
            begun = perf_counter()
            gc.collect()
            ended = perf_counter()
            before, earliest = 0, ended + (ended - begun) / SHARE


async def _return_memory() -> NoReturn:
    """Return free memory to the system.

    The C library keeps what was freed between objects that are in use: after a burst of large messages and requests,
    17 of 40 MiB. Where it has no call for that (macOS, musl), this only waits.
    https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while True:
        await asyncio.sleep(RETURN_SECONDS)
        if trim is not None:
            trim(0)
