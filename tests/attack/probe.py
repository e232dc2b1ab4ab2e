"""What others notice: people who talk, join and ask while the server is attacked."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

import redis.asyncio

from doqchat.store import keys
from tests.attack.talkers import A_SECOND, TALKING, Clock, Talker
from tests.attack.visitors import Asker, Joiner
from tests.chaos.ledger import Ledger
from tests.chaos.report import Entry, Report, compare

PAIRS = 5
SIDS = [f"probe-{number}" for number in range(PAIRS)]
A_SECOND_IN_ALL = PAIRS * len(TALKING) * A_SECOND
SETTLED_WITHIN = 30.0
LATE = 1.0
"""Seconds in which what comes twice would have come."""


class Probe:
    """Five pairs that send 50 messages a second in total, a client that joins them, one that asks the model.

    Args:
        url: the server.
        store_url: its store.
    """

    def __init__(self, url: str, store_url: str) -> None:
        self.ledger = Ledger()
        self.clock = Clock(self.ledger)
        self.joiner = Joiner(SIDS)
        self.asker = Asker()
        self._url = url
        self._store_url = store_url
        self._over = asyncio.Event()
        self._talkers = [Talker(sid, role, self.ledger, self.clock) for sid in SIDS for role in TALKING]

    @property
    def refused(self) -> Counter[str]:
        """How many messages the server refused, by the code of the error."""
        return sum((talker.refused for talker in self._talkers), Counter())

    def count_from(self, number: int) -> None:
        """From now on messages are numbered from here."""
        for talker in self._talkers:
            talker.number = number - 1

    @asynccontextmanager
    async def attending(self) -> AsyncIterator[None]:
        """Everybody talks, joins and asks to the end of the block; then all that was sent may arrive."""
        async with asyncio.TaskGroup() as group:
            talking = [group.create_task(talker.attend(self._url, self._over)) for talker in self._talkers]
            visitors = [group.create_task(one.attend(self._url, self._over)) for one in (self.joiner, self.asker)]
            yield
            self._over.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLED_WITHIN):
                    await asyncio.gather(*(talker.silent.wait() for talker in self._talkers), *visitors)
                    await self._all_received()
            await asyncio.sleep(LATE)
            for task in talking + visitors:
                task.cancel()

    async def compared(self) -> Report:
        """Compare what was acknowledged and received with what the store has."""
        return compare(self.ledger, await self._streams())

    async def _all_received(self) -> None:
        streams = await self._streams()
        while not all(_has_all(reader.last, streams[reader.sid]) for reader in self.ledger.readers):  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    async def _streams(self) -> dict[str, Sequence[Entry]]:
        """What the pairs have said, as the store has it; what an attacker said among them is not theirs."""
        async with redis.asyncio.Redis.from_url(self._store_url, decode_responses=True) as client:
            found = [cast(Sequence[Entry], await client.xrange(keys.stream(sid))) for sid in SIDS]
        return {
            sid: [entry for entry in entries if entry[1]["participant"] in TALKING]
            for sid, entries in zip(SIDS, found, strict=True)
        }


def _has_all(last: str, entries: Sequence[Entry]) -> bool:
    return not entries or last == entries[-1][0]
