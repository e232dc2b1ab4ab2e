"""The audit trail: who created, joined, left, configured and moderated which session, in the database.

What somebody does over HTTP is recorded before the call is answered. What happens often is recorded in batches: see
audit_batches.py.
"""

import json
import logging
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError

from chat.models import AuditRecord
from doqchat.access.principal import Principal

log = logging.getLogger(__name__)

Action = AuditRecord.Action


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
    row = row_of(action, sid, by, detail)
    try:
        await row.asave(force_insert=True)
    except DatabaseError as error:
        log.error("An audit record could not be stored (%s): %s %s by %r %s", error, sid, action, by, row.detail)


def row_of(action: Action, sid: str, by: Actor, detail: dict[str, Any]) -> AuditRecord:
    """A record that is not stored yet, as `record` stores it."""
    return AuditRecord(
        sid=sid,
        action=action,
        subject=by.subject,
        role=by.role,
        name=by.name,
        address=by.address or "",
        detail=json.dumps({name: value for name, value in detail.items() if value is not None}, ensure_ascii=False),
    )
