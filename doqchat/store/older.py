"""What the store needs of an archive that has older events; doqchat/archive implements it."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from doqchat.store.search import Filters, Hits

Raw = tuple[str, list[str]]
"""An entry as the store returns it: its id, and its fields as a flat list."""


class Known(NamedTuple):
    """What the archive knows of a session.

    Attributes:
        copied: the id of the last event in it.
        events: the number of events in it.
        changes: the number of changed entries in the store when they were copied.
        retained_after: the id of the last event that retention has removed; `0-0` for none.
        state: what else the store had of the session when it left it; empty before.
        retention_days: days for which its events are kept; None for the site's setting.
        hold: whether it is on legal hold.
    """

    copied: str
    events: int
    changes: int
    retained_after: str
    state: str
    retention_days: int | None
    hold: bool


class Older(NamedTuple):
    """Consecutive events in the archive.

    Attributes:
        raw: in the requested order.
        size: their size in bytes.
        more: whether the range has more in the archive.
        earlier: the id of the event before the earliest of them; None for none.
    """

    raw: list[Raw]
    size: int
    more: bool
    earlier: str | None


class Found(NamedTuple):
    """Events of a session that a search has found.

    Attributes:
        entries: id, id of the previous event in the session, participant and body of each.
        next: the id of the last compared event if there may be more; None at the end of the range.
    """

    entries: list[tuple[str, str, str, str]]
    next: str | None


class Archive(Protocol):
    """The archive of all sessions; every call may raise Unavailable."""

    async def read(
        self,
        sid: str,
        after: str,
        before: str | None,
        through: str | None,
        *,
        count: int,
        size: int,
        newest_first: bool,
    ) -> Older:
        """The first or last events between two ids.

        Args:
            sid: the session.
            after, before: exclusive bounds; a `before` of None is none.
            through: the last event that may be returned; None for the end.
            count: maximum number of events.
            size: bytes after which reading stops.
            newest_first: whether to read backwards from the end.
        """

    async def find(self, filters: Filters, limit: int, size: int, *, newest_first: bool) -> Found:
        """Search the events of one session by the index.

        Args:
            filters: which events; `sids` is the session.
            limit: maximum number of events.
            size: bytes after which a page is full.
            newest_first: whether the newest events come first.
        """

    async def search(self, filters: Filters, cursor: str | None, limit: int, *, ranked: bool) -> Hits:
        """Search the events of several sessions by the index.

        Args:
            filters: which events.
            cursor: the `next` of the page before, see `checked_cursor`.
            limit: maximum number of events.
            ranked: whether the best of the newest RANKED matches come first, instead of the newest.
        """

    async def known(self, sid: str) -> Known | None:
        """What the archive knows of a session; None if it has nothing."""

    async def numbers(self, sids: Sequence[str]) -> dict[str, int]:
        """The number of events of each of some sessions; those that the archive does not know are omitted."""

    async def first_id(self, sid: str) -> str | None:
        """The id of a session's first event in the archive; None if there is none."""

    async def counts(self, sid: str, through: str | None) -> Counter[str]:
        """The number of events of each role, up to an id; None for all."""

    async def replace(self, sid: str, entry_id: str, body: str) -> str | None:
        """Overwrite an event; returns what it was, or None if the archive does not have it."""

    async def resume(self, sid: str) -> bool:
        """Bring a session that has left the store back to it; False if the archive does not know it."""
