"""Automatic replies: starts those that are due. Each answers all messages since the previous reply."""

import asyncio
import logging
from typing import Any, Literal

from doqchat.errors import DoqchatError, RateLimited, Unavailable
from doqchat.limits.clients import ClientLimits
from doqchat.limits.requests import RequestLimits
from doqchat.protocol import server
from doqchat.protocol.events import LLMError, LLMStreaming
from doqchat.protocol.names import MODEL_ROLE, is_sid
from doqchat.replies.budget import TokenBudget
from doqchat.replies.metrics import FAILED, count, count_refusal
from doqchat.store import keys
from doqchat.store.script import load
from doqchat.store.shards import Shard
from doqchat.store.stream import DEBOUNCE_MS, LONGEST_WAIT_MS

log = logging.getLogger(__name__)

AGAIN_MS = 250
"""Interval at which a session is checked again while another reply is running or a person types."""

_TAKE, _STATE = load("due_take"), load("automatic_state", "session", "wait")
_START = load("automatic_start", "session", "border", "entry", "rate", "replies", "owed", "event")


class AutomaticReplies:
    """Starts the automatic replies of one server.

    Args:
        shard: the server.
        limits: limits per session. A reply over a limit is dropped, with an error if the assistant was mentioned; later
            messages schedule a new one.
        budget: the budget of all sessions.
        clients: limits per person, address and site, with the same effect.
    """

    def __init__(self, shard: Shard, limits: RequestLimits, budget: TokenBudget, clients: ClientLimits) -> None:
        self._shard = shard
        self._clients = clients
        self._limits = limits
        self._budget = budget

    async def start(self, count: int) -> None:
        """Start up to `count` due replies; raises Unavailable."""
        again, *sids = await self._shard.pipeline.run(
            _TAKE, [keys.DUE], count=count, again_ms=AGAIN_MS, latest_ms=LONGEST_WAIT_MS
        )
        for sid in sids:
            try:
                if await self._is_over(sid):
                    self._shard.hints.done(keys.DUE, sid, again)
            except Unavailable:
                raise
            except DoqchatError:
                await self._forget(sid)

    async def fail(self, sid: str, due: float, code: str, message: str) -> None:
        """Drop the session's reply and store an error; raises Unavailable.

        Args:
            sid: the session.
            due: the score of its hint.
            code, message: of the error.
        """
        try:
            failed = await self._take(sid, "fail", self._error(sid, code, message))
        except Unavailable:
            raise
        except DoqchatError:
            await self._forget(sid)
            return
        self._shard.hints.done(keys.DUE, sid, due)
        if failed:
            log.warning("No automatic reply in %s: %s", sid, message)
            count(self._shard, {FAILED + code: 1})

    async def _is_over(self, sid: str) -> bool:
        """Start the session's reply if it can start now; whether it is no longer scheduled."""
        if not is_sid(sid):
            return True
        state, *named = await self._shard.pipeline.run(
            _STATE, [keys.stream(sid)], again_ms=AGAIN_MS, wait_ms=DEBOUNCE_MS, longest_wait_ms=LONGEST_WAIT_MS
        )
        if state == "later":
            self._shard.hints.due(sid, *named)
            return False
        return state == "none" or await self._start(sid, *named)

    async def _start(self, sid: str, request: str, person: str) -> bool:
        """Start the session's reply, or drop it if it exceeds a limit; False if it is no longer scheduled."""
        try:
            await self._budget.check()
            self._clients.automatic_reply(person)
            limit = self._limits.for_an_automatic_reply()
            return await self._take(sid, "start", self._announcement(sid), request, limit)
        except RateLimited as refusal:
            dropped = await self._take(sid, "drop", self._error(sid, refusal.code, refusal.message), request)
            if dropped:
                log.info("No automatic reply in %s: %s", sid, refusal.message)
                count_refusal(self._shard, refusal.limit)
            return dropped

    async def _forget(self, sid: str) -> None:
        """Drop a reply whose session has invalid keys, so that it does not block others."""
        log.error("Dropped the automatic reply in %s: the session's keys are invalid.", sid)
        execute = self._shard.pipeline.execute
        await asyncio.gather(execute("DEL", keys.due(sid)), execute("ZREM", keys.DUE, sid))

    async def _take(
        self,
        sid: str,
        what: Literal["start", "drop", "fail"],
        event: dict[str, Any],
        request: str = "",
        requests_per_minute: int = 0,
    ) -> bool:
        """Start or drop the session's reply; False if it is no longer scheduled.

        Raises:
            RateLimited: the session exceeds a limit; the reply stays scheduled.
        """
        outcome, hints, *wait = await self._shard.pipeline.run(
            _START,
            [keys.stream(sid)],
            what=what,
            request=request,
            channel=self._shard.channel(sid),
            event=event,
            participant=MODEL_ROLE,
            requests_per_minute=requests_per_minute,
        )
        self._shard.hints.post(sid, hints)
        if wait:
            raise self._limits.refusal(outcome, int(*wait))
        return bool(outcome == "done")

    def _announcement(self, sid: str) -> dict[str, Any]:
        streaming = LLMStreaming(reply_id="", request_id="", attempt=1, offset=0, text="")
        return server.template(sid, streaming.event, streaming.model_dump())

    def _error(self, sid: str, code: str, message: str) -> dict[str, Any]:
        error = LLMError(reply_id="", request_id="", code=code, message=message, text="")
        return server.template(sid, error.event, error.model_dump())
