"""The session's Redis Stream: one entry per stored event."""

import os
from dataclasses import dataclass, field
from typing import Literal

from doqchat.errors import Conflict, RateLimited
from doqchat.limits.messages import MessageLimits
from doqchat.protocol import server
from doqchat.protocol.events import Gap
from doqchat.protocol.frames import now
from doqchat.protocol.ids import BEGINNING, LAST, order
from doqchat.store import keys
from doqchat.store.append import append_script, run_append
from doqchat.store.cancellation import superseded_constants
from doqchat.store.clients import pairs
from doqchat.store.moderation import refusal
from doqchat.store.request_limits import RequestLimits
from doqchat.store.script import load
from doqchat.store.settings import DEFAULT_WAIT_SECONDS
from doqchat.store.shards import Shards

CLAIM_SECONDS = 24 * 60 * 60
ONCE_SECONDS = 60

DEBOUNCE_MS = int(DEFAULT_WAIT_SECONDS * 1000)
"""Default time without messages before an automatic reply, so that messages in quick succession get one reply."""

LONGEST_WAIT_CALLED_MS = 5_000
"""Maximum wait while people keep talking, if one of them has mentioned the assistant."""

LONGEST_WAIT_MS = 60_000
"""Maximum wait otherwise; long, so that the assistant does not interrupt people who talk or type."""

_GAP = load("gap")
_RANGE = load("range", "read_range")
Manner = Literal["", "said", "mentioned"]
Raw = tuple[str, list[str]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored event.

    Attributes:
        id: the entry's id.
        prev: the id of the previous entry in the session, `0-0` for the first.
        participant: the role of the sender.
        body: the envelope's JSON text, without `id` and `prev`.
        ours: whether doqchat certainly wrote it; an entry read from the store may be another program's.
    """

    id: str
    prev: str
    participant: str
    body: str
    ours: bool = field(default=True, compare=False)

    def wire(self) -> str:
        """The envelope as JSON, as sent to clients."""
        return (server.durable if self.ours else server.checked)(self.body, self.id, self.prev)


@dataclass(frozen=True, slots=True)
class Appended:
    """The result of an append.

    Attributes:
        id: the entry's id.
        duplicate: whether it was stored before.
    """

    id: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class EntryRange:
    """Consecutive entries of a session.

    Attributes:
        entries: in the requested order.
        size: their size in the store, in bytes.
        more: whether the range may have more.
    """

    entries: list[Entry]
    size: int
    more: bool


class SessionStream:
    """Appends to and reads from the streams of all sessions.

    Args:
        shards: the servers.
        requests: the limits on requests.
        messages: the limits on stored messages and requests.
    """

    def __init__(
        self, shards: Shards, requests: RequestLimits | None = None, messages: MessageLimits | None = None
    ) -> None:
        self._shards = shards
        self._requests, self._messages = requests or RequestLimits(), messages or MessageLimits()
        self._append = append_script(
            wait_ms=DEBOUNCE_MS,
            longest_wait_called_ms=LONGEST_WAIT_CALLED_MS,
            longest_wait_ms=LONGEST_WAIT_MS,
            **superseded_constants(),
            **self._requests.for_a_person(),
            **self._messages.fields(),
        )

    def server(self, sid: str) -> str:
        """The URL of the session's server."""
        return self._shards.of(sid).url

    async def append(
        self,
        sid: str,
        participant: str,
        body: str,
        *,
        msg_id: str | None = None,
        digest: str = "",
        ask: str = "",
        person: str = "",
        manner: Manner = "",
    ) -> Appended:
        """Atomically store an event, publish it to the session's group and record the requested reply.

        Args:
            sid: the session.
            participant: the role of the sender.
            body: the envelope as JSON.
            msg_id: the role's idempotency key; reusing it stores nothing.
            digest: a digest of the content, compared if the key was used before.
            ask: the alias of the requested model; empty for none.
            person: whose requests take turns with those of other people in the queue; empty if unknown.
            manner: `said` for a person's message and `mentioned` for one that mentions the assistant; then the
                session's policy decides whether it gets an automatic reply.

        Raises:
            Conflict: the key was used for other content.
            SessionClosed, Muted: moderators do not allow it.
            RateLimited: it exceeds a limit.
            Unavailable: nothing is stored, now or later.
            Uncertain: it is unknown whether the event is stored.
        """
        if msg_id is None:
            digest = os.urandom(12).hex()  # not derived from state of the process, which a forked one would share
            claim, claim_seconds = keys.once(sid, digest), ONCE_SECONDS
        else:
            claim, claim_seconds = keys.claim(sid, participant, msg_id), CLAIM_SECONDS
        shard = self._shards.of(sid)
        if ask or manner:
            await shard.appends.ready()
            shard.hints.may_owe(sid)
        entry_id, outcome, rest = await run_append(
            shard.appends,
            self._append,
            [keys.stream(sid), claim],
            participant=participant,
            body=body,
            channel=shard.channel(sid),
            digest=digest,
            claim_seconds=claim_seconds,
            llm=ask,
            person=person,
            manner=manner,
            timestamp=now(),
            workers=shard.workers_channel,
        )
        if outcome == "conflict":
            raise Conflict("This msg_id was used for another message; use a new one.", msg_id=msg_id)
        if not entry_id:
            raise refusal(outcome, int(rest), participant) or self._over_limit(outcome, int(rest), participant)
        shard.hints.post(sid, rest)
        return Appended(entry_id, outcome == "duplicate" and msg_id is not None)

    def _over_limit(self, limit: str, wait_ms: int, role: str) -> RateLimited:
        return (self._messages if limit in self._messages.fields() else self._requests).refusal(limit, wait_ms, role)

    async def knows(self, sid: str, role: str, msg_id: str) -> bool:
        """Whether a role has used this `msg_id` in the session; raises Unavailable."""
        return bool(await self._shards.of(sid).pipeline.execute("EXISTS", keys.claim(sid, role, msg_id)))

    async def read(self, sid: str, after: str = BEGINNING, count: int = 100) -> list[Entry]:
        """The entries after an id, oldest first; raises Unavailable."""
        if after == BEGINNING:
            return _chained(await self._range(sid, "XRANGE", "-", "+", count), BEGINNING)
        raw = await self._range(sid, "XRANGE", after, "+", count + 1)
        if not raw or raw[0][0] == after:
            return _chained(raw[1:], after)
        earlier = await self._range(sid, "XREVRANGE", f"({raw[0][0]}", "-", 1)
        return _chained(raw[:count], earlier[0][0] if earlier else BEGINNING)

    async def read_back(self, sid: str, before: str = "+", count: int = 100) -> list[Entry]:
        """The entries before an id, newest first; raises Unavailable."""
        newest = before if before == "+" else f"({before}"
        oldest_first = (await self._range(sid, "XREVRANGE", newest, "-", count + 1))[::-1]
        if len(oldest_first) > count:
            return _chained(oldest_first[1:], oldest_first[0][0])[::-1]
        return _chained(oldest_first, BEGINNING)[::-1]

    async def read_range(
        self,
        sid: str,
        after: str = BEGINNING,
        before: str | None = None,
        *,
        count: int,
        size: int,
        newest_first: bool = False,
    ) -> EntryRange:
        """The first or last entries between two ids; raises Unavailable.

        Args:
            sid: the session.
            after, before: exclusive bounds; a `before` of None is the end of the session.
            count: maximum number of entries.
            size: bytes after which reading stops; the last entries may exceed it.
            newest_first: whether to read backwards from the end.
        """
        if before == BEGINNING or after == LAST:
            return EntryRange([], 0, more=False)
        oldest, newest = f"({after}", f"({before}" if before else "+"
        command, begins, ends = ("XREVRANGE", newest, oldest) if newest_first else ("XRANGE", oldest, newest)
        raw, read, more, earlier = await self._shards.of(sid).reads.run(
            _RANGE, [keys.stream(sid)], command=command, begins=begins, ends=ends, count=count, bytes=size
        )
        entries = _chained(raw[::-1], earlier)[::-1] if newest_first else _chained(raw, earlier)
        return EntryRange(entries, read, more=bool(more))

    async def get(self, sid: str, entry_id: str) -> Entry | None:
        """One entry, or None if the session has no entry with this id; raises Unavailable."""
        raw = await self._range(sid, "XREVRANGE", entry_id, "-", 2)
        if not raw or raw[0][0] != entry_id:
            return None
        return _chained(raw[:1], raw[1][0] if len(raw) > 1 else BEGINNING)[0]

    async def gap(self, sid: str, since: str) -> Gap | None:
        """Whether events after an id are missing, because they were removed or the stream has not reached the id.

        After a trim the store does not know the last removed id, so a client that had read exactly up to it also gets
        a gap. Raises Unavailable.
        """
        if since == BEGINNING:
            return None
        known = await self._shards.of(sid).pipeline.run(_GAP, [keys.stream(sid)])
        if not known:
            return Gap(since=since, oldest_id=None)
        kept, added, removed, last, *oldest = known
        first = oldest[0] if oldest else None
        missing = _is_missing(since, removed, last, first, trimmed=added > kept)
        return Gap(since=since, oldest_id=first) if missing else None

    async def tail(self, sid: str) -> str:
        """The id of the last entry, or `0-0`; raises Unavailable."""
        raw = await self._shards.of(sid).pipeline.execute("XREVRANGE", keys.stream(sid), "+", "-", "COUNT", 1)
        return raw[0][0] if raw else BEGINNING

    async def length(self, sid: str) -> int:
        """The number of events in the session; raises Unavailable."""
        return int(await self._shards.of(sid).pipeline.execute("XLEN", keys.stream(sid)))

    async def _range(self, sid: str, command: str, start: str, end: str, count: int) -> list[Raw]:
        raw: list[Raw] = await self._shards.of(sid).reads.execute(command, keys.stream(sid), start, end, "COUNT", count)
        return raw


def _is_missing(since: str, removed: str, last: str, oldest: str | None, *, trimmed: bool) -> bool:
    """Whether events after an id were removed by XDEL or XTRIM, or the stream has not reached the id.

    The stream records the highest id removed by XDEL; after XTRIM only the number of added entries shows the removal.
    """
    if since == last:
        return False
    if not order(removed) <= order(since) < order(last):
        return True
    before_all = oldest is None or order(since) < order(oldest)
    return before_all and since != removed and trimmed


def _chained(raw: list[Raw], prev: str) -> list[Entry]:
    entries = []
    for entry_id, flat in raw:
        fields = dict(pairs(flat))
        entries.append(Entry(entry_id, prev, fields.get("participant", ""), fields.get("body", ""), ours=False))
        prev = entry_id
    return entries
