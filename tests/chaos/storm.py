"""One run: people talk, faults come one after the other, and at the end everything is compared with the store."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import cast

import redis.asyncio

from doqchat.protocol.ids import id_at, order
from doqchat.store import keys
from tests.chaos.cluster import Cluster, Database
from tests.chaos.faults import FAULTS, rounds
from tests.chaos.ledger import Ledger, Reader
from tests.chaos.people import Person, Witness
from tests.chaos.report import Entry, Report, compare

SERVERS = ("uvicorn", "uvicorn", "daphne")
SHORTEST_CALM, LONGEST_CALM = 1.0, 3.0
FAULT_TAKES = 3.5
"""Seconds from one fault to the next, about: what the pace of the talk is reckoned from."""
SETTLED_WITHIN = 60.0


@dataclass(frozen=True)
class Plan:
    """How much of everything.

    Attributes:
        messages: so many acknowledged ones at least.
        faults: so many at least; as many more as it takes until the messages are acknowledged.
        seconds: no fault begins after so long.
        sessions: each has two who talk and read, and a third who reads.
        kinds: the faults.
        seed: the same one gives the same faults in the same order, and the same texts.
    """

    messages: int
    faults: int
    seconds: float
    sessions: int
    seed: int
    kinds: Sequence[str] = tuple(FAULTS)

    @property
    def pause(self) -> float:
        """Seconds between two messages of one person, on the average."""
        return 2 * self.sessions * min(self.faults * FAULT_TAKES, self.seconds) / self.messages


class Storm:
    """Runs a plan.

    Args:
        plan: how much of everything.
        say: takes a line for each fault.
    """

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self.ledger = Ledger()
        self._plan = plan
        self._say = say
        self._enough = asyncio.Event()

    async def run(self) -> Report:
        """Start everything, break it, end it, and say what is wrong."""
        with tempfile.TemporaryDirectory(prefix="doqchat-chaos-") as folder:
            cluster = Cluster(Path(folder), SERVERS, Random(self._plan.seed))
            async with cluster.running():
                return compare(self.ledger, await self._talk(cluster))

    async def _talk(self, cluster: Cluster) -> dict[str, Sequence[Entry]]:
        people, witnesses = self._invite()
        async with asyncio.TaskGroup() as group:
            attending = [group.create_task(person.attend(cluster.proxy.ws, self._enough)) for person in people]
            attending += [group.create_task(witness.attend(cluster.proxy.ws)) for witness in witnesses]
            await self._break(cluster)
            self._enough.set()
            streams = await self._settle(cluster, people)
            for task in attending:
                task.cancel()
        return streams

    def _invite(self) -> tuple[list[Person], list[Witness]]:
        people, witnesses = [], []
        for number in range(self._plan.sessions):
            sid = f"chaos-{number}"
            for role, gives_up in (("A", True), ("B", False)):
                random = Random(f"{self._plan.seed} {sid} {role}")
                people.append(Person(sid, role, self._plan.pause, gives_up, self.ledger, random))
            witnesses.append(Witness(sid, number % 2 == 0, self.ledger, Random(f"{self._plan.seed} {sid}")))
        return people, witnesses

    async def _break(self, cluster: Cluster) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        random = Random(self._plan.seed)
        for number, name in zip(count(1), rounds(self._plan.kinds, random), strict=False):
            await asyncio.sleep(random.uniform(SHORTEST_CALM, LONGEST_CALM))
            done = number > self._plan.faults and self.ledger.acknowledged >= self._plan.messages
            if done or clock() - started > self._plan.seconds:
                return
            self.ledger.begin(name)
            what = await FAULTS[name](cluster, random)
            since = f"{clock() - started:6.1f} s"
            self._say(f"{since}  fault {number:2}  {name}: {what}; {self.ledger.acknowledged:,} acknowledged")

    async def _settle(self, cluster: Cluster, people: Sequence[Person]) -> dict[str, Sequence[Entry]]:
        """Wait until everybody has said the last word and seen it, or SETTLED_WITHIN; what the store has then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_WITHIN):
                await asyncio.gather(*(person.silent.wait() for person in people))
                streams = await self._streams(cluster)
                while not all(_has_all(reader, streams[reader.sid]) for reader in self.ledger.readers):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        await asyncio.sleep(SHORTEST_CALM)  # what comes twice comes late
        return await self._streams(cluster)

    async def _streams(self, cluster: Cluster) -> dict[str, Sequence[Entry]]:
        sids = dict.fromkeys(reader.sid for reader in self.ledger.readers)
        async with redis.asyncio.Redis.from_url(cluster.store.url, decode_responses=True) as client:
            found = [await _all_events(client, cluster.database, sid) for sid in sids]
        return dict(zip(sids, found, strict=True))


async def _all_events(client: "redis.asyncio.Redis", database: Database, sid: str) -> Sequence[Entry]:
    """The events in the stream, and those before them, which must be in the archive by the time they leave it."""
    recent = cast(Sequence[Entry], await client.xrange(keys.stream(sid)))
    first = order(recent[0][0]) if recent else (2**64, 0)
    archived = [(id_at(place), {"participant": role, "body": body}) for place, role, body in database.archived(sid)]
    return [*(entry for entry in archived if order(entry[0]) < first), *recent]


def _has_all(reader: Reader, entries: Sequence[Entry]) -> bool:
    return not entries or reader.last == entries[-1][0]
