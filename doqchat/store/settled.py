"""Appends, until it is certain what became of them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from doqchat.errors import Unavailable
from doqchat.store.clients import COMMAND_TIMEOUT
from doqchat.store.faults import STORED_NOTHING, Uncertain, insist
from doqchat.store.pipeline import Pipeline
from doqchat.store.script import load

SETTLED_WITHIN = 30.0
"""Seconds after which an append is given up of which the store has still not said what became of it."""

_NOT_SETTLED = (
    f"The store has not answered within {SETTLED_WITHIN:g} s: it is not known whether this is stored. Send it again, "
    "with the same msg_id if it had one."
)
_APPEND = load("append", "session", "claim", "entry", "rate", "wait", "replies", "owed", "filled", "interrupt")
_CLAIMED = load("claimed", "session", "claim", "owed")


async def settled(pipeline: Pipeline, used: Sequence[str], **given: Any) -> tuple[Any, ...]:
    """Run the append script; its answer, see there.

    An append that was sent and not answered may be stored, or may be yet, when the store wakes up. So the script runs
    again until the store answers: by its claim it finds what an earlier run has stored, and past the deadline it
    stores nothing, then or later.

    Args:
        pipeline: the session's server.
        used: the script's keys.
        given: its fields, but for the deadline.

    Raises:
        Unavailable: nothing is stored, and nothing will be.
        Uncertain: the store has not said what became of it, for SETTLED_WITHIN seconds.
    """
    await pipeline.ready()
    clock = asyncio.get_running_loop().time
    late = clock() + COMMAND_TIMEOUT
    while True:
        given["deadline"] = pipeline.deadline()
        try:
            entry_id, outcome, *rest = await _ask(pipeline, used, given)
        except Uncertain:
            entry_id, outcome, *rest = await _ask_until_answered(pipeline, used, given)
        if outcome != "expired":
            return entry_id, outcome, *rest
        if clock() >= late:
            raise Unavailable(STORED_NOTHING)
        # Our clock says otherwise: one of the two was set, or stood still in a computer that slept.
        await pipeline.compare_clocks()
        late = clock()


async def _ask_until_answered(pipeline: Pipeline, used: Sequence[str], given: dict[str, Any]) -> Sequence[Any]:
    try:
        async with asyncio.timeout(SETTLED_WITHIN):
            return await insist(lambda: _ask(pipeline, used, given), (Uncertain, Unavailable))
    except TimeoutError:
        raise Uncertain(_NOT_SETTLED) from None


async def _ask(pipeline: Pipeline, used: Sequence[str], given: dict[str, Any]) -> Sequence[Any]:
    """Run the script; a store that refuses it, because it takes no writes, may know what an earlier run has stored."""
    try:
        answer: Sequence[Any] = await pipeline.run(_APPEND, used, repeat=False, **given)
    except Unavailable as refused:
        if not isinstance(refused.__cause__, ResponseError):
            raise
        answer = await pipeline.run(_CLAIMED, used, digest=given["digest"], deadline=given["deadline"])
        if not answer:
            raise
    return answer
