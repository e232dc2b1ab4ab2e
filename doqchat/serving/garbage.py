"""Tunes garbage collection for short pauses, and returns free memory to the system."""

import asyncio
import ctypes
import gc
from typing import NoReturn

OFTEN = 500, 3
"""Young collections are frequent and short: at most 1,500 objects, in half a millisecond. With Python's thresholds they
take 2 ms while many clients connect, and sometimes 10."""

SELDOM = 60
"""The ratio of young to full collections: one full collection per 90,000 surviving objects."""

RETURN_SECONDS = 5.0
"""Interval at which free memory is returned to the system."""


def tune() -> None:
    """Freeze all current objects, and collect the others rarely.

    A full collection stops the process for 190 ms with 1,000 connections, mostly to traverse imported objects that live
    as long as the process. Sessions and connections are freed by reference counting. Only Django's pages (50 objects
    each: a request and its message storage refer to each other, as do a template's contexts) and its database
    connections leave cycles for a full collection. Call this once, after all imports.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*OFTEN, SELDOM)


async def return_memory() -> NoReturn:
    """Return free memory to the system, for as long as this runs.

    The C library keeps what was freed between objects that are in use: after a burst of large messages and requests,
    17 of 40 MiB. Where it has no call for that (macOS, musl), this only waits.
    https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while True:
        await asyncio.sleep(RETURN_SECONDS)
        if trim is not None:
            trim(0)
