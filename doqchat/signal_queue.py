"""Sends Django signals in the background, so that their receivers delay no message."""

import asyncio
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import close_old_connections
from django.dispatch import Signal
from pydantic_core import from_json

from doqchat.signals import reply_finished

log = logging.getLogger(__name__)

MOST_WAITING = 1_000
"""Maximum number of queued signals; with more, the oldest are dropped."""

CLOSE_SECONDS = 1.0
"""How long the queued signals are still sent when the process ends."""


class SignalQueue:
    """Sends the signals of one event loop, in order, each after the receivers of the previous one have returned.

    Synchronous receivers run in one thread of their own. Exceptions of receivers are logged by Django.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Signal, dict[str, Any]]] = deque(maxlen=MOST_WAITING)
        self._sending: asyncio.Task[None] | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._dropping = False

    def post(self, signal: Signal, **named: Any) -> None:
        """Queue a signal, unless it has no receivers. Returns immediately.

        Args:
            signal: the signal.
            named: the arguments of its receivers.
        """
        if not signal.receivers:
            return
        if len(self._waiting) == self._waiting.maxlen and not self._dropping:
            self._dropping = True
            log.warning("%s signals are queued for slow receivers; the oldest are dropped.", f"{MOST_WAITING:,}")
        self._waiting.append((signal, named))
        if self._sending is None or self._sending.done():
            self._sending = self._start()

    def reply_ended(self, envelope: str) -> None:
        """Queue `reply_finished` for the stored envelope that ends a reply."""
        if not reply_finished.receivers:
            return
        ended = from_json(envelope)
        hd, bd = ended["hd"], ended["bd"]
        event, reason = hd["event"], bd["finish_reason" if "finish_reason" in bd else "code"]
        known = {name: bd[name] for name in ("reply_id", "request_id", "text")}
        self.post(reply_finished, sid=hd["sid"], **known, event=event, reason=reason)

    async def close(self) -> None:
        """Send what is queued, for CLOSE_SECONDS at most, and drop the rest."""
        if self._waiting and (self._sending is None or self._sending.done()):
            self._sending = self._start()
        if self._sending is not None:
            await asyncio.wait([self._sending], timeout=CLOSE_SECONDS)
            self._sending.cancel()
        self._waiting.clear()
        if self._executor is not None:
            self._executor.shutdown(wait=False)
            self._executor = None

    def _start(self) -> "asyncio.Task[None]":
        """Start sending, in a context of its own: that of a request names the thread in which requests run."""
        return asyncio.get_running_loop().create_task(self._send_all(), context=Context())

    async def _send_all(self) -> None:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="signals")
        async with ThreadSensitiveContext(executor=self._executor):
            while self._waiting:
                signal, named = self._waiting.popleft()
                await signal.asend_robust(None, **named)
                await sync_to_async(close_old_connections)()
        self._dropping = False
