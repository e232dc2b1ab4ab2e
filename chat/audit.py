"""The audit trail: who created, joined, configured and moderated which session, in the database.

What somebody does over HTTP is recorded before the call is answered. Joins and refusals are collected and recorded in
batches in the background, so that connecting requires no query; those of the last second are lost if the process dies.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from chat.models import AuditRecord
from doqchat.access.principal import Principal
from doqchat.conf import doqchat_settings
from doqchat.errors import DoqchatError
from doqchat.loop_end import at_loop_end

log = logging.getLogger(__name__)

Action = AuditRecord.Action

BATCH_SECONDS = 1.0
"""How long joins and refusals are collected."""

MOST_IN_BATCH = 2_000
"""Maximum number of joins and refusals that are recorded per batch; others are counted in the log."""

PRUNE_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, as in AuditRecord."""

    subject: str = ""
    role: str = ""
    name: str = ""
    address: str | None = None

    @classmethod
    def of(cls, principal: Principal) -> "Actor":
        """A principal as an actor."""
        return cls(principal.subject or "", principal.role, principal.name or "", principal.address)


async def record(action: Action, sid: str, by: Actor, **detail: Any) -> None:
    """Record an action that has succeeded.

    If the database cannot be used, the record goes to the log instead: the action cannot be undone.

    Args:
        action: what was done.
        sid: the session.
        by: who did it.
        detail: what it was about; None values are omitted.
    """
    row = _row(action, sid, by, detail)
    try:
        await row.asave(force_insert=True)
    except DatabaseError as error:
        log.error("An audit record could not be stored (%s): %s %s by %r %s", error, sid, action, by, row.detail)


class Entrances:
    """Records joins and refusals of one event loop in batches."""

    def __init__(self) -> None:
        self._batch: list[AuditRecord] = []
        self._omitted = 0
        self._writing: asyncio.Task[None] | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._pruned = timezone.now() - PRUNE_EVERY

    def joined(self, principal: Principal) -> None:
        """A connection has joined a session."""
        self._add(Action.JOINED, principal, {})

    def refused(self, principal: Principal, problem: DoqchatError) -> None:
        """A principal with a valid credential was refused. Clients without one leave no records."""
        if principal.verified:
            self._add(Action.REFUSED, principal, {"code": problem.code, "message": problem.message})

    async def close(self) -> None:
        """Record what is collected."""
        if self._writing is not None:
            self._writing.cancel()
        if self._batch:
            await self._store()
        self._executor.shutdown(wait=False)
        _entrances.pop(asyncio.get_running_loop(), None)

    def _add(self, action: Action, principal: Principal, detail: dict[str, Any]) -> None:
        if len(self._batch) == MOST_IN_BATCH:
            self._omitted += 1
            return
        self._batch.append(_row(action, principal.sid, Actor.of(principal), detail))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_later())

    async def _write_later(self) -> None:
        await asyncio.sleep(BATCH_SECONDS)
        try:
            await self._store()
        finally:
            self._writing = None

    async def _store(self) -> None:
        batch, self._batch = self._batch, []
        omitted, self._omitted = self._omitted, 0
        if omitted:
            log.warning("%s joins and refusals are not in the audit trail: there were too many at once.", omitted)
        prune = timezone.now() - self._pruned >= PRUNE_EVERY
        try:
            await sync_to_async(_write, thread_sensitive=False, executor=self._executor)(batch, prune=prune)
        except DatabaseError as error:
            log.error("%s joins and refusals are not in the audit trail: %s", len(batch), error)
        else:
            self._pruned = timezone.now() if prune else self._pruned


_entrances: dict[asyncio.AbstractEventLoop, tuple[Entrances, AsyncGenerator[None, None]]] = {}


def entrances() -> Entrances:
    """The record of joins and refusals of the running event loop, which is closed with the loop."""
    loop = asyncio.get_running_loop()
    if loop not in _entrances:
        current = Entrances()
        _entrances[loop] = current, at_loop_end(current.close)
    return _entrances[loop][0]


def _write(batch: list[AuditRecord], *, prune: bool) -> None:
    close_old_connections()
    AuditRecord.objects.bulk_create(batch)
    days = doqchat_settings().audit_days
    if prune and days is not None:
        AuditRecord.objects.filter(at__lt=timezone.now() - timedelta(days=days)).delete()


def _row(action: Action, sid: str, by: Actor, detail: dict[str, Any]) -> AuditRecord:
    return AuditRecord(
        sid=sid,
        action=action,
        subject=by.subject,
        role=by.role,
        name=by.name,
        address=by.address or "",
        detail={name: value for name, value in detail.items() if value is not None},
    )
