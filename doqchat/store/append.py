"""Runs appends until their outcome is known."""

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any

from redis.exceptions import ResponseError

from doqchat.errors import Unavailable
from doqchat.store.clients import COMMAND_TIMEOUT
from doqchat.store.faults import STORED_NOTHING, Uncertain, retry_until_available
from doqchat.store.pipeline import Pipeline
from doqchat.store.script import Script, load

GIVE_UP_SECONDS = 30.0
"""Seconds after which an append with an unknown outcome is given up."""

_GIVEN_UP = (
    f"The store did not respond within {GIVE_UP_SECONDS:g} s: it is unknown whether this is stored. Send it again, "
    "with the same msg_id if it had one."
)
_PARTS = (
    "session",
    "claim",
    "border",
    "entry",
    "moderated",
    "rate",
    "messages",
    "wait",
    "replies",
    "owed",
    "event",
    "cancel",
)
_CLAIMED = load("claimed", "session", "claim", "owed")


@cache
def append_script(**constants: int | str) -> Script:
    """append.lua with these constants."""
    return load("append", *_PARTS, constants=constants)


async def run_append(pipeline: Pipeline, script: Script, used: Sequence[str], **given: Any) -> tuple[Any, ...]:
    """Run append.lua and return its result.

    An append that got no response may be stored, or may still be stored when the store resumes. So it is retried until
    the store responds: its idempotency key finds an earlier run, and after the deadline no run stores anything.

    Args:
        pipeline: the session's server.
        script: see `append_script`.
        used: the script's keys.
        given: its fields, except the deadline.

    Raises:
        Unavailable: nothing is stored, now or later.
        Uncertain: the outcome was unknown for GIVE_UP_SECONDS seconds.
    """
    await pipeline.ready()
    clock = asyncio.get_running_loop().time
    late = clock() + COMMAND_TIMEOUT
    while True:
        given["deadline"] = pipeline.deadline()
        try:
            entry_id, outcome, *rest = await _ask(pipeline, script, used, given)
        except Uncertain:
            entry_id, outcome, *rest = await _ask_until_answered(pipeline, script, used, given)
        if outcome != "expired":
            return entry_id, outcome, *rest
        if clock() >= late:
            raise Unavailable(STORED_NOTHING)
        # Our clock disagrees: one of the clocks was adjusted, or the computer was suspended.
        await pipeline.compare_clocks()
        late = clock()


async def _ask_until_answered(
    pipeline: Pipeline, script: Script, used: Sequence[str], given: dict[str, Any]
) -> Sequence[Any]:
    try:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            return await retry_until_available(lambda: _ask(pipeline, script, used, given), (Uncertain, Unavailable))
    except TimeoutError:
        raise Uncertain(_GIVEN_UP) from None


async def _ask(pipeline: Pipeline, script: Script, used: Sequence[str], given: dict[str, Any]) -> Sequence[Any]:
    """Run the script; if the store refuses writes, check whether an earlier run has stored the event."""
    try:
        answer: Sequence[Any] = await pipeline.run(script, used, repeat=False, **given)
    except Unavailable as refused:
        if not isinstance(refused.__cause__, ResponseError):
            raise
        answer = await pipeline.run(_CLAIMED, used, digest=given["digest"], deadline=given["deadline"])
        if not answer:
            raise
    return answer
