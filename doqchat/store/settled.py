"""Appends, until it is certain what became of them."""

import asyncio
from collections.abc import Awaitable, Sequence
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


async def settled(pipeline: Pipeline, used: Sequence[str], **given: Any) -> tuple[str, str, Any]:
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
    loop = asyncio.get_running_loop()
    late = loop.time() + COMMAND_TIMEOUT
    answer = await _answer(pipeline, used, **given, deadline=pipeline.deadline())
    if _expired(answer) and loop.time() < late:
        # Our clock says otherwise: one of the two was set, or stood still in a computer that slept.
        await pipeline.compare_clocks()
        answer = await _answer(pipeline, used, **given, deadline=pipeline.deadline())
    if _expired(answer):
        raise Unavailable(STORED_NOTHING)
    entry_id, outcome, rest = answer
    return entry_id, outcome, rest


async def _answer(pipeline: Pipeline, used: Sequence[str], **given: Any) -> Sequence[Any]:
    def ask() -> Awaitable[Sequence[Any]]:
        return _ask(pipeline, used, given)

    try:
        return await ask()
    except Uncertain:
        try:
            async with asyncio.timeout(SETTLED_WITHIN):
                return await insist(ask, (Uncertain, Unavailable))
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


def _expired(answer: Sequence[Any]) -> bool:
    return bool(answer[1] == "expired")
