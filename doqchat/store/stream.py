"""The session as it is stored: a Redis Stream, one entry for each durable event."""

import itertools
import uuid
from dataclasses import dataclass, field
from typing import Literal

from doqchat.errors import Conflict
from doqchat.protocol import server
from doqchat.protocol.events import Gap
from doqchat.protocol.ids import BEGINNING, LAST, order
from doqchat.store import keys
from doqchat.store.early_end import early_end
from doqchat.store.request_limits import RequestLimits
from doqchat.store.script import load
from doqchat.store.settings import DEFAULT_WAIT_SECONDS
from doqchat.store.settled import settled
from doqchat.store.shards import Shards

CLAIM_SECONDS = 24 * 60 * 60
ONCE_SECONDS = 60
NO_LIMITS = RequestLimits()

DEBOUNCE_MS = int(DEFAULT_WAIT_SECONDS * 1000)
"""An automatic reply waits until nobody has said anything for so long, unless the session sets another wait: fragments
get one reply together."""

LONGEST_WAIT_CALLED_MS = 5_000
"""But it does not wait longer than this for people who go on talking, when one of them has called the assistant."""

LONGEST_WAIT_MS = 60_000
"""The same when nobody has: the assistant does not interrupt people who talk or type."""

_GAP = load("gap")
_STRETCH = load("stretch", "stretch")
Manner = Literal["", "said", "mentioned"]
Raw = tuple[str, list[str]]

_PROCESS = f"{uuid.uuid4().hex[:12]}-"
_COUNTER = itertools.count()


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored event.

    Attributes:
        id: the entry's id.
        prev: the id of the entry before it in the session, `0-0` for the first.
        participant: the role that spoke.
        body: the envelope's JSON text, without `id` and `prev`.
        ours: whether it is known that this server wrote it; an entry that is read from the store may be another
            program's.
    """

    id: str
    prev: str
    participant: str
    body: str
    ours: bool = field(default=True, compare=False)

    def wire(self) -> str:
        """The envelope's JSON text as clients get it."""
        return (server.durable if self.ours else server.checked)(self.body, self.id, self.prev)


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of an append.

    Attributes:
        id: the entry's id.
        duplicate: whether it had been there before.
    """

    id: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some entries of a session, one after the other.

    Attributes:
        entries: in the order in which they were asked for.
        size: what they have in the store, in bytes.
        more: whether there may be more behind them in the range.
    """

    entries: list[Entry]
    size: int
    more: bool


class SessionStream:
    """Appends to and reads from the streams of all sessions.

    Args:
        shards: the servers.
        limits: how many requests are taken.
    """

    def __init__(self, shards: Shards, limits: RequestLimits = NO_LIMITS) -> None:
        self._shards = shards
        self._limits = limits
        self._most = limits.for_a_person()

    def server(self, sid: str) -> str:
        """The URL of the server that holds a session."""
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
        manner: Manner = "",
    ) -> Appended:
        """Store an event, publish it to the session's group and note the reply that it asks for, atomically.

        Args:
            sid: the session.
            participant: the role that speaks.
            body: the envelope's JSON text.
            msg_id: the role's idempotency key; its second append with it stores nothing.
            digest: fingerprint of the content, compared when the key was used before.
            ask: the alias of the model that shall answer; empty for none.
            manner: whether it was said by a person, or said with the assistant's name: then the session's reply
                policy decides whether it is answered.

        Raises:
            Conflict: the key was used for other content.
            RateLimited: it is a request, and one too many.
            Unavailable: nothing is stored, and nothing will be.
            Uncertain: the store has not said for a long time whether it is stored.
        """
        if msg_id is None:
            digest = f"{_PROCESS}{next(_COUNTER)}"
            claim, claim_seconds = keys.once(sid, digest), ONCE_SECONDS
        else:
            claim, claim_seconds = keys.claim(sid, participant, msg_id), CLAIM_SECONDS
        shard = self._shards.of(sid)
        if ask or manner:
            await shard.appends.ready()
            shard.hints.may_owe(sid)
        entry_id, outcome, rest = await settled(
            shard.appends,
            [keys.stream(sid), claim],
            participant=participant,
            body=body,
            channel=shard.channel(sid),
            digest=digest,
            claim_seconds=claim_seconds,
            llm=ask,
            manner=manner,
            wait_ms=DEBOUNCE_MS,
            longest_wait_called_ms=LONGEST_WAIT_CALLED_MS,
            longest_wait_ms=LONGEST_WAIT_MS,
            early_end=early_end(shard, sid, "superseded"),
            **self._most,
        )
        if outcome == "conflict":
            raise Conflict("This msg_id was used for another message; take a new one.", msg_id=msg_id)
        if not entry_id:
            raise self._limits.refusal(outcome, int(rest), participant)
        shard.hints.post(sid, rest)
        return Appended(entry_id, outcome == "duplicate" and msg_id is not None)

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

    async def stretch(
        self,
        sid: str,
        after: str = BEGINNING,
        before: str | None = None,
        *,
        count: int,
        size: int,
        newest_first: bool = False,
    ) -> Stretch:
        """The entries between two ids, from one end on; raises Unavailable.

        Args:
            sid: the session.
            after, before: the ids, whose own entries are not among them; a `before` of None is the open end.
            count: entries, at most.
            size: bytes after which no more are read: one more entry and a few small ones may come on top.
            newest_first: begin at the end.
        """
        if before == BEGINNING or after == LAST:
            return Stretch([], 0, more=False)
        oldest, newest = f"({after}", f"({before}" if before else "+"
        command, begins, ends = ("XREVRANGE", newest, oldest) if newest_first else ("XRANGE", oldest, newest)
        raw, read, more, earlier = await self._shards.of(sid).reads.run(
            _STRETCH, [keys.stream(sid)], command=command, begins=begins, ends=ends, count=count, bytes=size
        )
        entries = _chained(raw[::-1], earlier)[::-1] if newest_first else _chained(raw, earlier)
        return Stretch(entries, read, more=bool(more))

    async def get(self, sid: str, entry_id: str) -> Entry | None:
        """One entry, or None when the session has none with this id; raises Unavailable."""
        raw = await self._range(sid, "XREVRANGE", entry_id, "-", 2)
        if not raw or raw[0][0] != entry_id:
            return None
        return _chained(raw[:1], raw[1][0] if len(raw) > 1 else BEGINNING)[0]

    async def gap(self, sid: str, since: str) -> Gap | None:
        """What is missing of the events after an id, because they were removed or the id was never reached.

        After a trim the store does not know which id was the last to go: whoever had come exactly as far is told of a
        gap as well. Raises Unavailable.
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
        """The id of the last entry; `0-0` for a session without any; raises Unavailable."""
        raw = await self._shards.of(sid).pipeline.execute("XREVRANGE", keys.stream(sid), "+", "-", "COUNT", 1)
        return raw[0][0] if raw else BEGINNING

    async def length(self, sid: str) -> int:
        """How many events the session has; raises Unavailable."""
        return int(await self._shards.of(sid).pipeline.execute("XLEN", keys.stream(sid)))

    async def _range(self, sid: str, command: str, start: str, end: str, count: int) -> list[Raw]:
        raw: list[Raw] = await self._shards.of(sid).reads.execute(command, keys.stream(sid), start, end, "COUNT", count)
        return raw


def _is_missing(since: str, removed: str, last: str, oldest: str | None, *, trimmed: bool) -> bool:
    """Whether events after an id were removed, by XDEL or XTRIM, or the stream has not come as far as the id.

    XDEL leaves the highest id it removed; XTRIM removes the oldest and leaves only that there were more once.
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
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        entries.append(Entry(entry_id, prev, fields.get("participant", ""), fields.get("body", ""), ours=False))
        prev = entry_id
    return entries
