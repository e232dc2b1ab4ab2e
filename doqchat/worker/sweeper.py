"""The sweeper restores lost hints to pending replies: a process can die before it has posted them.

One process sweeps each server. Once a second it checks the sessions whose reply has a lease, and a fraction of the
other sessions that may have pending replies, so that each is checked every few seconds. Its first round checks all.
"""

import asyncio
import uuid
from collections import Counter
from typing import NamedTuple

from doqchat.protocol.ids import requested_at
from doqchat.protocol.names import is_sid
from doqchat.replies.backlog import Gauges
from doqchat.store import keys
from doqchat.store.append import GIVE_UP_SECONDS
from doqchat.store.clients import pairs
from doqchat.store.hints import TOUCH_SECONDS
from doqchat.store.script import load
from doqchat.store.shards import Shard
from doqchat.worker.background import Repeating

SWEEP_SECONDS = 1.0
PARTS = 5
"""Number of rounds in which all sessions that may have pending replies are checked."""

AT_A_TIME = 100

KEPT_MS = 3 * SWEEP_SECONDS * 1000
"""Expiry of the sweeper's lock, after which another process takes over."""

CLEAN_MS = (TOUCH_SECONDS + GIVE_UP_SECONDS) * 1000 * 1.2
"""How long a session without pending replies is checked: longer than the append that follows `may_owe` can take."""

_TAKE, _SET, _OWED = load("sweep_take"), load("set"), load("owed", "session", "replies")


class _Owed(NamedTuple):
    """The pending replies of a session.

    Attributes:
        reply: the current reply; empty for none.
        llm: its model.
        turn: its place in the queue, ms of the store's clock; empty if unknown.
        person: who requested it; empty if unknown.
        lease: its lease; empty for none.
        left_ms: milliseconds until the lease expires.
        due: the time of the scheduled automatic reply, ms of the store's clock; empty for none.
        line: the queued replies, each followed by its model.
    """

    reply: str
    llm: str
    turn: int | str
    person: str
    lease: str
    left_ms: int
    due: str
    line: list[str]


class Sweeper:
    """Sweeps one server, unless another process does.

    Args:
        shard: the server.

    Attributes:
        name: what it is called in the lock that lets one process sweep.
    """

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self.name = uuid.uuid4().hex
        self._round = 0
        self._noted: list[tuple[str, float]] = []
        self._owed: dict[str, _Owed] = {}
        self._expired: set[tuple[str, str]] = set()

    async def prepare(self) -> None:
        """Discard what was read before an outage of the store."""
        self._round = 0
        self._owed.clear()
        self._expired.clear()

    async def sweep(self) -> None:
        """Run one round; raises DoqchatError."""
        now = await self._shard.pipeline.run(_TAKE, [keys.SWEEPER], name=self.name, ms=int(KEPT_MS))
        if not now:
            await self.prepare()
            return
        part = self._round % PARTS
        if part == 0:
            flat = await self._shard.pipeline.execute("ZRANGE", keys.OWING, 0, -1, "WITHSCORES")
            self._noted = [(sid, float(score)) for sid, score in pairs(flat)]
            self._owed = {sid: self._owed[sid] for sid, _ in self._noted if sid in self._owed}
        leased = [(sid, score) for sid, score in self._noted if sid in self._owed and self._owed[sid].lease]
        of_this_round = self._noted if self._round == 0 else self._noted[part::PARTS]
        to_check = list(dict([*of_this_round, *leased]).items())
        self._round += 1
        self._expired, before = set(), self._expired
        for first in range(0, len(to_check), AT_A_TIME):
            await asyncio.gather(*(self._check(*each, now, before) for each in to_check[first : first + AT_A_TIME]))
        gauges = self._gauges(now).model_dump_json()
        await self._shard.pipeline.run(_SET, [keys.GAUGES], value=gauges, ms=int(KEPT_MS))

    async def _check(self, sid: str, noted: float, now: int, expired_before: set[tuple[str, str]]) -> None:
        """Check a session and post the hints to its pending replies again.

        A lease counts as expired if it was so in the previous round too: after an outage of the store all leases have
        expired, and their workers need a moment to renew them.
        """
        hints = self._shard.hints
        owed = _Owed(*await self._shard.pipeline.run(_OWED, [keys.stream(sid)])) if is_sid(sid) else _NOTHING
        if not (owed.reply or owed.line or owed.due):
            self._owed.pop(sid, None)
            if now - noted > CLEAN_MS:
                hints.done(keys.OWING, sid, noted)
            return
        self._owed[sid] = owed
        if owed.lease and owed.left_ms <= 0:
            self._expired.add((sid, owed.lease))
        if owed.llm and (not owed.lease or (sid, owed.lease) in self._expired & expired_before):
            hints.queued(sid, owed.llm, owed.reply, owed.turn, owed.person)
        if owed.due:
            hints.due(sid, owed.due, keep=True)

    def _gauges(self, now: int) -> Gauges:
        under_way = Counter(owed.llm for owed in self._owed.values() if owed.lease)
        asked: dict[str, list[int]] = {}
        for owed in self._owed.values():
            for reply, llm in pairs(owed.line):
                asked.setdefault(llm, []).append(requested_at(reply))
        oldest = {llm: max(now - min(moments), 0) / 1000 for llm, moments in asked.items()}
        return Gauges(under_way=under_way, in_line=sum(map(len, asked.values())), oldest_in_line=oldest)


async def sweep(shard: Shard) -> None:
    """Sweep a server until cancelled, unless another process does."""
    sweeper = Sweeper(shard)
    await Repeating(shard).repeat(sweeper.sweep, SWEEP_SECONDS, sweeper.prepare)


_NOTHING = _Owed("", "", "", "", "", 0, "", [])
