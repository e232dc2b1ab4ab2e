"""Audit records of what happens often, written in batches in the background, so that connecting requires no query.

These are joins, leaves, refusals and verdicts of filters; those of the last second are lost if the process dies.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from datetime import timedelta
from time import monotonic
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection
from django.utils import timezone

from chat.audit import Action, Actor, row_of
from chat.models import AuditRecord
from doqchat.access.principal import Principal
from doqchat.archive.models import ArchivedSession
from doqchat.conf import doqchat_settings
from doqchat.errors import DoqchatError, RateLimited
from doqchat.loop_end import at_loop_end
from doqchat.signals import message_filtered

log = logging.getLogger(__name__)

BATCH_SECONDS = 1.0
"""How long a batch is collected."""

MOST_IN_BATCH = 2_000
"""Maximum number of records per batch; others are counted in the log."""

LIMITED_SECONDS = 60.0
"""Interval at which it is recorded that a limit refuses what a principal sends."""

PRUNE_EVERY = timedelta(hours=1)


class AuditBatches:
    """Collects the records of one event loop for BATCH_SECONDS, and then writes them in a separate thread."""

    def __init__(self) -> None:
        self._writing: asyncio.Task[None] | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._batch: Counter[tuple[Action, str, Actor, tuple[tuple[str, str], ...]]] = Counter()
        self._limited: dict[tuple[str, Actor], float] = {}
        self._omitted = 0
        self._pruned = timezone.now() - PRUNE_EVERY

    def joined(self, principal: Principal) -> None:
        """A connection has joined a session."""
        self.add(Action.JOINED, principal.sid, Actor.of(principal))

    def left(self, principal: Principal) -> None:
        """A connection that had joined has left."""
        self.add(Action.LEFT, principal.sid, Actor.of(principal))

    def refused(self, principal: Principal, problem: DoqchatError) -> None:
        """A principal with a valid credential was refused. Clients without one leave no records."""
        if principal.verified:
            self.add(Action.REFUSED, principal.sid, Actor.of(principal), code=problem.code)

    def limited(self, principal: Principal, problem: DoqchatError) -> None:
        """A frame or message was refused; if by a limit, it is recorded once a minute for each principal."""
        if not isinstance(problem, RateLimited):
            return
        now, by = monotonic(), Actor.of(principal)
        if self._limited.get((principal.sid, by), 0.0) > now:
            return
        if len(self._limited) == MOST_IN_BATCH:
            self._limited = {who: until for who, until in self._limited.items() if until > now}
        if len(self._limited) < MOST_IN_BATCH:
            self._limited[principal.sid, by] = now + LIMITED_SECONDS
            self.add(Action.REFUSED, principal.sid, by, code=problem.code)

    def add(self, action: Action, sid: str, by: Actor, **detail: str) -> None:
        """Collect a record, as `record`. Equal ones become one, with their number."""
        key = (action, sid, by, tuple(detail.items()))
        if len(self._batch) == MOST_IN_BATCH and key not in self._batch:
            self._omitted += 1
            return
        self._batch[key] += 1
        if self._writing is None:
            # In an empty context: it outlives the request that starts it.
            self._writing = asyncio.create_task(self._write_later(), context=Context())

    async def close(self) -> None:
        """Write what is collected."""
        if self._writing is not None:
            self._writing.cancel()
        if self._batch:
            await self.store()
        self._executor.shutdown(wait=False)
        _running.pop(asyncio.get_running_loop(), None)

    async def store(self) -> None:
        """Write the records, and now and then delete old ones."""
        batch, self._batch = self._batch, Counter()
        rows = [
            row_of(action, sid, by, dict(detail) | ({"count": count} if count > 1 else {}))
            for (action, sid, by, detail), count in batch.items()
        ]
        omitted, self._omitted = self._omitted, 0
        if omitted:
            log.warning("%s records are not in the audit trail: there were too many at once.", omitted)
        prune = timezone.now() - self._pruned >= PRUNE_EVERY
        try:
            await sync_to_async(_write, thread_sensitive=False, executor=self._executor)(rows, prune=prune)
        except DatabaseError as error:
            log.error("%s records are not in the audit trail: %s", len(rows), error)
        else:
            self._pruned = timezone.now() if prune else self._pruned

    async def _write_later(self) -> None:
        await asyncio.sleep(BATCH_SECONDS)
        try:
            await self.store()
        finally:
            self._writing = None


def _write(rows: list[AuditRecord], *, prune: bool) -> None:
    """Write rows; `prune` also deletes those older than AUDIT_DAYS, except of sessions on legal hold."""
    try:
        AuditRecord.objects.bulk_create(rows)
        days = doqchat_settings().audit_days
        if prune and days is not None:
            old = AuditRecord.objects.filter(at__lt=timezone.now() - timedelta(days=days))
            old.exclude(sid__in=ArchivedSession.objects.filter(hold=True).values("sid")).delete()
    finally:
        connection.close()  # otherwise a database that shuts down would wait for this thread


_running: dict[asyncio.AbstractEventLoop, tuple[AuditBatches, AsyncGenerator[None, None]]] = {}


def batches() -> AuditBatches:
    """The batches of the running event loop, which are closed with it."""
    loop = asyncio.get_running_loop()
    if loop not in _running:
        current = AuditBatches()
        _running[loop] = current, at_loop_end(current.close)
    return _running[loop][0]


def connect() -> None:
    """Record the verdicts of filters."""
    message_filtered.connect(_on_filtered, dispatch_uid="doqchat.audit")


async def _on_filtered(sid: str, role: str, verdict: str, filters: list[str], **known: Any) -> None:
    by = Actor(known["subject"] or "", role, known["name"] or "")
    event = {"id": known["id"]} if known["id"] else {}
    batches().add(Action(verdict), sid, by, filter=", ".join(filters), **event)
