"""Imports exports into the database. The sessions are then archived ones, which the next join or message resumes."""

import json
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from django.db import transaction
from django.utils import timezone

from doqchat.archive import writing
from doqchat.archive.document import DocumentReader, Head, InvalidDocument
from doqchat.archive.models import ArchivedSession
from doqchat.archive.writing import Batch
from doqchat.protocol.ids import position
from doqchat.store.exports import MUTED

_AT_ONCE = 500


class SessionExists(Exception):
    """The archive knows another session of this name, perhaps one whose events retention has removed."""

    def __init__(self, sid: str) -> None:
        super().__init__(f"There is another session {sid}.")


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported session: its name, its number of events, and the ids of the first and the last."""

    sid: str
    events: int
    first: str
    last: str


def import_session(file: IO[bytes]) -> Imported:
    """Store an export in the archive, in one transaction.

    Args:
        file: the JSON of the export.

    Raises:
        InvalidDocument: nothing is stored.
        SessionExists: nothing is changed.
    """
    reader = DocumentReader(file)
    head = reader.head()
    with transaction.atomic():
        if ArchivedSession.objects.filter(sid=head.sid).exists():
            raise SessionExists(head.sid)
        count, first, last = 0, "", ""
        events = reader.events()
        while batch := list(islice(events, _AT_ONCE)):
            writing.write([Batch(head.sid, batch, changes=0)], imported=True)
            count, first, last = count + len(batch), first or batch[0][0], batch[-1][0]
        if not count:
            raise InvalidDocument("The export has no events.")
        ArchivedSession.objects.filter(sid=head.sid).update(
            state=_state(head),
            left_at=timezone.now(),
            retention_days=head.retained.days,
            hold=head.retained.hold,
            retained_after=position(head.retained.after) or 0,
        )
    return Imported(head.sid, count, first, last)


def _state(head: Head) -> str:
    """The state of a session that has left the store, as session_state.lua writes it."""
    settings = head.settings.model_dump(exclude_unset=True)
    if head.title:
        settings["title"] = head.title
    if head.closed:
        settings["closed"] = 1
    settings |= {f"{MUTED}{role}": end for role, end in head.muted.items()}
    hashes: dict[str, dict[Any, Any]] = {"settings": settings, "read": head.read, "revoked": head.revoked}
    flat = {name: [str(part) for pair in given.items() for part in pair] for name, given in hashes.items()}
    return json.dumps(flat, ensure_ascii=False)
