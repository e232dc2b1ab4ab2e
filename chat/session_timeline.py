"""The events of a session, newest first, for the admin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from doqchat.engine import engine
from doqchat.protocol import server
from doqchat.protocol.ids import BEGINNING, time_of
from doqchat.store.reader import Entry

EVENTS_ON_A_PAGE = 50
PAGE_BYTES = 2**20
"""Size of the events on a page, after which it ends."""


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the session's stream; if it is not an envelope, its text is the body."""

    id: str
    role: str
    event: str
    text: str

    @property
    def time(self) -> datetime:
        """When it was stored."""
        return time_of(self.id)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of events, and the cursor of the next page; None at the beginning of the session."""

    events: Sequence[Event]
    older: str | None


async def timeline(sid: str, before: str | None) -> Timeline:
    """The events before an id, or the newest; raises Unavailable and Unreadable."""
    page = await engine().stream.read_range(
        sid, before=before, count=EVENTS_ON_A_PAGE, size=PAGE_BYTES, newest_first=True
    )
    entries = page.entries
    older = entries[-1].id if entries and entries[-1].prev != BEGINNING else None
    return Timeline([_event(entry) for entry in entries], older)


def _event(entry: Entry) -> Event:
    said = server.read_stored(entry.body) or server.StoredEvent("", entry.body)
    return Event(entry.id, entry.participant, said.event, said.text)
