"""Reads whole sessions for exports, in pages, so that their length does not matter."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Container, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from doqchat.errors import NotFound, Unreadable
from doqchat.protocol.ids import BEGINNING, id_after, order
from doqchat.protocol.names import Capability, is_sid
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.older import Archive
from doqchat.store.reader import Entry, SessionReader
from doqchat.store.settings import SessionSettings, parsed_settings
from doqchat.store.shards import Shards

AT_ONCE = 2
"""Pages of exports that are read and written concurrently; further ones wait, so that exports delay others little."""

TURN_SECONDS = 0.001
"""How long events are written before yielding to the event loop."""

MUTED = "muted:"
"""The prefix of the settings that mute a role, before the role."""

_PAGE, _PAGE_BYTES = 250, 256 * 1024

_HASHES = {"settings": keys.settings, "read": keys.read_receipts, "revoked": keys.revoked}


@dataclass(frozen=True, slots=True)
class Retained:
    """What is decided about keeping a session.

    Attributes:
        days: days for which its events are kept; None for the site's setting.
        hold: whether it is on legal hold.
        after: the id of the last event that retention has removed; `0-0` for none.
    """

    days: int | None = None
    hold: bool = False
    after: str = BEGINNING


@dataclass(frozen=True, slots=True)
class Exported:
    """A session to export.

    Attributes:
        sid: the session.
        settings: its settings; those that were never set are unset.
        closed: whether a moderator has closed it.
        last: the id of its last event when the export began; later events are not part of it.
        read: the id of the last event that each role has read.
        muted: when the mute of each muted role ends, in ms since 1970; 0 for no end.
        revoked: the time of each revocation, see `Revoked`; None if the caller may not see revocations.
        retained: how it is kept; None if the caller may not see that.
    """

    sid: str
    settings: SessionSettings
    closed: bool
    last: str
    read: Mapping[str, str]
    muted: Mapping[str, int]
    revoked: Mapping[str, float] | None
    retained: Retained | None

    def visible(self, can: Container[Capability]) -> "Exported":
        """The same for a member with these capabilities.

        The instructions for the model are for members who may configure. Revocations name people and tokens: they are
        for members who may revoke, as is how the session is kept.
        """
        seen = self
        if "configure" not in can:
            visible = self.settings.model_dump(exclude_unset=True, exclude={"system"})
            seen = replace(seen, settings=SessionSettings(**visible))
        return seen if "moderate" in can else replace(seen, revoked=None, retained=None)


class Exports:
    """Reads sessions for exports; every call may raise Unavailable.

    Args:
        shards: the servers.
        stream: the events.
        archive: the archive; None if all events stay in the store.
    """

    def __init__(self, shards: Shards, stream: SessionReader, archive: Archive | None = None) -> None:
        self._shards = shards
        self._stream = stream
        self._archive = archive
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def find(self, sid: str) -> Exported:
        """A session, as it is now; creates nothing. Raises NotFound for one without events, and Unreadable."""
        newest = await self._stream.read_back(sid, count=1)
        if not newest:
            raise NotFound(f"There is no session {sid}, or nothing has been said in it.")
        stored = await self._state(sid)
        known = stored["settings"]
        last = newest[0].id
        return Exported(
            sid,
            parsed_settings(sid, [part for pair in known.items() for part in pair]),
            "closed" in known,
            last,
            read={role: min(seen, last, key=order) for role, seen in stored["read"].items()},
            muted={name.removeprefix(MUTED): int(end) for name, end in known.items() if name.startswith(MUTED)},
            revoked={what: float(time) for what, time in stored["revoked"].items()},
            retained=await self._retained(sid),
        )

    async def live_sids(self) -> set[str]:
        """The sessions with events in the store."""
        found: set[str] = set()
        prefix, match = keys.stream(""), keys.stream("*")
        for shard in self._shards:
            cursor = "0"
            while True:
                scan = ("SCAN", cursor, "MATCH", match, "COUNT", 1_000, "TYPE", "stream")
                cursor, names = await shard.reads.execute(*scan)
                found.update(sid for name in names if is_sid(sid := name.removeprefix(prefix)))
                if cursor in ("0", 0):
                    break
        return found

    async def written(self, session: Exported, write: Callable[[Entry], str]) -> AsyncIterator[str]:
        """The text of a session's events, oldest first, in pieces. Nothing is held while a piece is sent.

        Args:
            session: the session.
            write: returns the text of one event.
        """
        cursor, end, more = BEGINNING, id_after(session.last), True
        while more:
            async with self._turns:
                page = await self._stream.read_range(session.sid, cursor, end, count=_PAGE, size=_PAGE_BYTES)
                text = await _written(page.entries, write)
            more = page.more and bool(page.entries)
            if page.entries:
                cursor = page.entries[-1].id
                yield text

    async def _state(self, sid: str) -> dict[str, dict[str, str]]:
        """The hashes of a session by their names, from where the session is; it may be leaving the store."""
        found = {name: await self._hash(sid, key(sid)) for name, key in _HASHES.items()}
        if self._archive is None or await self._shards.of(sid).pipeline.execute("EXISTS", keys.stream(sid)):
            return found
        known = await self._archive.known(sid)
        state: dict[str, Any] = json.loads((known and known.state) or "{}")
        return {name: dict(pairs(state.get(name) or [])) for name in _HASHES}

    async def _hash(self, sid: str, key: str) -> dict[str, str]:
        try:
            return dict(pairs(await self._shards.of(sid).pipeline.execute("HGETALL", key)))
        except Unreadable:
            return {}

    async def _retained(self, sid: str) -> Retained:
        known = await self._archive.known(sid) if self._archive is not None else None
        return Retained(known.retention_days, known.hold, known.retained_after) if known is not None else Retained()


async def _written(entries: list[Entry], write: Callable[[Entry], str]) -> str:
    pieces = []
    turn_ends = perf_counter() + TURN_SECONDS
    for entry in entries:
        pieces.append(write(entry))
        if perf_counter() > turn_ends:
            await asyncio.sleep(0)
            turn_ends = perf_counter() + TURN_SECONDS
    return "".join(pieces)
