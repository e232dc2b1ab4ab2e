"""The audit trail: who created, joined, left, configured and moderated which session, in the database.

What somebody does over HTTP is recorded before the call is answered. Joins, leaves, refusals and verdicts of filters
are collected and recorded in batches in the background, so that connecting requires no query; those of the last second
are lost if the process dies.
"""

import json
import logging
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from chat.batching import Batches, of_running_loop
from chat.models import AuditRecord
from doqchat.access.principal import Principal
from doqchat.conf import doqchat_settings
from doqchat.errors import DoqchatError, RateLimited
from doqchat.signals import message_filtered

log = logging.getLogger(__name__)

Action = AuditRecord.Action

MOST_IN_BATCH = 2_000
"""Maximum number of records per batch; others are counted in the log."""

LIMITED_SECONDS = 60.0
"""Interval at which it is recorded that a limit refuses what a principal sends."""

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


class AuditBatches(Batches):
    """Records joins, leaves, refusals and verdicts of filters of one event loop in batches."""

    def __init__(self) -> None:
        super().__init__()
        self._batch: Counter[tuple[Action, str, Actor, tuple[tuple[str, str], ...]]] = Counter()
        self._limited: dict[tuple[str, Actor], float] = {}
        self._omitted = 0
        self._pruned = timezone.now() - PRUNE_EVERY

    @property
    def is_empty(self) -> bool:
        return not self._batch

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
        self.write_later()

    async def store(self) -> None:
        """Write the records, and now and then delete old ones."""
        batch, self._batch = self._batch, Counter()
        rows = [
            _row(action, sid, by, dict(detail) | ({"count": count} if count > 1 else {}))
            for (action, sid, by, detail), count in batch.items()
        ]
        omitted, self._omitted = self._omitted, 0
        if omitted:
            log.warning("%s records are not in the audit trail: there were too many at once.", omitted)
        prune = timezone.now() - self._pruned >= PRUNE_EVERY
        try:
            await self.in_thread(rows, prune=prune)
        except DatabaseError as error:
            log.error("%s records are not in the audit trail: %s", len(rows), error)
        else:
            self._pruned = timezone.now() if prune else self._pruned

    def write(self, rows: list[AuditRecord], *, prune: bool) -> None:
        """Write rows; `prune` also deletes those that are older than AUDIT_DAYS."""
        AuditRecord.objects.bulk_create(rows)
        days = doqchat_settings().audit_days
        if prune and days is not None:
            AuditRecord.objects.filter(at__lt=timezone.now() - timedelta(days=days)).delete()


def batches() -> AuditBatches:
    """The batches of the running event loop."""
    return of_running_loop(AuditBatches)


def connect() -> None:
    """Record the verdicts of filters."""
    message_filtered.connect(_on_filtered, dispatch_uid="doqchat.audit")


async def _on_filtered(sid: str, role: str, verdict: str, filters: list[str], **known: Any) -> None:
    by = Actor(known["subject"] or "", role, known["name"] or "")
    event = {"id": known["id"]} if known["id"] else {}
    batches().add(Action(verdict), sid, by, filter=", ".join(filters), **event)


def _row(action: Action, sid: str, by: Actor, detail: dict[str, Any]) -> AuditRecord:
    return AuditRecord(
        sid=sid,
        action=action,
        subject=by.subject,
        role=by.role,
        name=by.name,
        address=by.address or "",
        detail=json.dumps({name: value for name, value in detail.items() if value is not None}, ensure_ascii=False),
    )
