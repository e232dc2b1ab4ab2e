"""Automatic replies: started when they are due, one to all that was said since the last one."""

import logging
from typing import Literal

from redis.exceptions import ResponseError

from doqchat.errors import RateLimited, Unavailable
from doqchat.protocol import server
from doqchat.protocol.events import LLMError, LLMStreaming
from doqchat.protocol.names import MODEL_ROLE
from doqchat.replies.budget import TokenBudget
from doqchat.replies.metrics import FAILED, count_refusal
from doqchat.store import keys
from doqchat.store.faults import translate
from doqchat.store.request_limits import RequestLimits
from doqchat.store.script import load
from doqchat.store.shards import Shard
from doqchat.store.stream import DEBOUNCE_MS, LONGEST_WAIT_MS

log = logging.getLogger(__name__)

STILL_TALKING_MS = 250
"""How long until a session in which the model still talks, or a person types, is looked at again."""

_DUE, _START = load("replies_due", "wait"), load("reply_start", "entry", "filled", "rate", "turn")


class AutomaticReplies:
    """The automatic replies that are due on one server.

    Args:
        shard: the server.
        limits: a session that is over them gets none, and an error if somebody has called the assistant; what is said
            after that has its own chance.
        budget: the same for all sessions.
    """

    def __init__(self, shard: Shard, limits: RequestLimits, budget: TokenBudget) -> None:
        self._shard = shard
        self._limits = limits
        self._budget = budget

    async def start(self, count: int) -> None:
        """Queue up to so many; raises redis-py's errors and Unavailable."""
        waits = {"again_ms": STILL_TALKING_MS, "wait_ms": DEBOUNCE_MS, "longest_wait_ms": LONGEST_WAIT_MS}
        for sid in await _DUE(self._shard.commands, [keys.DUE], count=count, **waits):
            try:
                await self._start(sid)
            except ResponseError as error:
                await self._forget(sid, error)

    async def _start(self, sid: str) -> None:
        """Start the session's reply, or drop it where a limit forbids it."""
        try:
            await self._budget.check()
            await self._take(sid, "start", self._announcement(sid), self._limits.for_an_automatic_reply())
        except RateLimited as refusal:
            if await self._take(sid, "drop", self._error(sid, refusal.code, refusal.message)):
                log.info("No automatic reply in %s: %s", sid, refusal.message)
                count_refusal(self._shard, refusal.limit)

    async def fail(self, sid: str, code: str, message: str) -> None:
        """Drop the session's reply and tell the session why; raises redis-py's errors and Unavailable."""
        try:
            if await self._take(sid, "fail", self._error(sid, code, message)):
                log.warning("No automatic reply in %s: %s", sid, message)
                self._shard.pipeline.post("HINCRBY", keys.COUNTERS, FAILED + code, 1)
        except ResponseError as error:
            await self._forget(sid, error)

    async def _forget(self, sid: str, error: ResponseError) -> None:
        """Start no reply where the session's keys are not what they should be; others come after it.

        Raises:
            Unavailable: the server cannot write now.
        """
        if isinstance(problem := translate(error), Unavailable):
            raise problem from error
        log.error("The automatic reply in %s cannot be started and is dropped.", sid)
        await self._shard.commands.zrem(keys.DUE, sid)

    async def _take(
        self, sid: str, what: Literal["start", "drop", "fail"], told: str, requests_per_minute: int = 0
    ) -> bool:
        """Start or drop the session's reply; False when another worker has done so, or it is not due any more.

        Raises:
            RateLimited: the session is over a limit: it is still due.
        """
        used = [keys.DUE, keys.QUEUES, keys.stream(sid)]
        outcome, *wait = await _START(
            self._shard.commands,
            used,
            what=what,
            sid=sid,
            own=keys.own(sid),
            channel=self._shard.channel(sid),
            told=told,
            participant=MODEL_ROLE,
            requests_per_minute=requests_per_minute,
        )
        if wait:
            raise self._limits.refusal(outcome, int(*wait))
        return bool(outcome == "done")

    def _announcement(self, sid: str) -> str:
        streaming = LLMStreaming(reply_id="", request_id="", attempt=1, offset=0, text="")
        return server.ephemeral(sid, streaming, MODEL_ROLE)

    def _error(self, sid: str, code: str, message: str) -> str:
        error = LLMError(reply_id="", request_id="", code=code, message=message, text="")
        return server.stored(sid, error)
