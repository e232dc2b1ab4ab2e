"""`python -m benchmarks.reconnects`: 1,000 clients come back within a second, each with 100 messages to catch up on.

They must get exactly those, and people who stayed connected should hardly notice. Exit status 0 when every target is
met, 1 when one is not, 130 after Ctrl-C.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import redis.asyncio

from benchmarks import disturbance, steady
from benchmarks.clients import Client
from benchmarks.outcome import Outcome
from benchmarks.steady import Steadiness, Window
from benchmarks.targets import Site
from benchmarks.workloads import Traffic
from doqchat.store import keys

CLIENTS, MISSED = 1_000, 100
WITHIN = 1.0  # seconds in which all of them come back
CALM = 10.0  # seconds that are measured before the first time
ROUND = 20.0  # seconds from one time to the next; all must have caught up before that
QUIET = 2.0  # seconds after everybody has gone, and again after the messages were stored
TIMES_WORSE = 3.0
FIRST_SESSION = 1_000_000  # away from those of the steady traffic
RATE = 200.0  # messages per second of the steady traffic
STEADY = Traffic(
    "steady", sessions=20, members=2, senders=2, messages=0, warm_up=int(2 * RATE), window=10_000,
    unit="message", rate=RATE,
)  # fmt: skip
ID, END_OF_ID = b'"id":"', b'"'


class Returning(Client):
    """A client that goes away and comes back, two of them to a session."""

    headers = {"Sec-WebSocket-Protocol": "doqchat.v1"}

    def __init__(self, number: int) -> None:
        super().__init__(FIRST_SESSION + number // 2, self._take)
        self.sid = f"bench-{self.session}"
        self.seen: list[bytes] = []
        self.expected: list[bytes] = []
        self.since = "0"
        self.caught_up = asyncio.Event()

    @property
    def path(self) -> str:
        return f"/v1/session/chat?sid={self.sid}&since={self.since}"

    async def come(self, url: str) -> None:
        """Connect, with `since`."""
        self.closed = None
        await self.open(url)

    def miss(self, ids: list[bytes]) -> None:
        """Go away; these are stored meanwhile."""
        self.seen, self.expected = [], ids
        self.caught_up.clear()
        if self.transport is not None:
            self.transport.disconnect()

    def _take(self, client: Client, text: bytes) -> None:
        at = text.find(ID, 0, 20)
        if at >= 0:
            self.seen.append(text[at + len(ID) : text.index(END_OF_ID, at + len(ID))])
            self.since = self.seen[-1].decode()
            if len(self.seen) == len(self.expected):
                self.caught_up.set()


class Crowd:
    """All clients that go away and come back."""

    def __init__(self, site: Site, count: int) -> None:
        self.clients = [Returning(number) for number in range(count)]
        self._site = site

    async def come(self) -> Window:
        """All come within WITHIN seconds; from when to when there was anybody who had not caught up."""
        begun = time.perf_counter()
        async with asyncio.timeout(ROUND - 2 * QUIET), asyncio.TaskGroup() as group:
            for number, client in enumerate(self.clients):
                group.create_task(self._come_after(client, WITHIN * number / len(self.clients)))
        return begun, time.perf_counter()

    async def _come_after(self, client: Returning, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await client.come(self._site.url)
        if client.expected:
            await client.caught_up.wait()

    async def go(self, missed: int) -> None:
        """All disconnect, and the given number of messages is stored in each session, bypassing the server."""
        for client in self.clients:
            client.miss([])
        await asyncio.sleep(QUIET)
        async with redis.asyncio.Redis.from_url(self._site.store_url) as store:
            for first, second in zip(self.clients[::2], self.clients[1::2], strict=True):
                pipeline = store.pipeline(transaction=False)
                for number in range(missed):
                    pipeline.xadd(keys.stream(first.sid), {"participant": "A", "body": _body(first.sid, number)})
                first.expected = second.expected = await pipeline.execute()
        await asyncio.sleep(QUIET)

    def wrong(self) -> int:
        """How many have not got exactly what they missed, in order."""
        return sum(client.seen != client.expected for client in self.clients)


def _body(sid: str, number: int) -> str:
    head = f'"event":"chat.message","role":"A","sid":"{sid}","timestamp":"2026-11-22T10:00:00Z"'
    return f'{{"hd":{{{head}}},"bd":{{"text":"{number} 안녕하세요! 오늘 회의는 오후 세 시에 시작할까요?"}}}}'


async def measure(site: Site, rounds: int) -> Iterator[Outcome]:
    """Let them disconnect and reconnect for the given number of rounds; prints each result."""
    crowd = Crowd(site, CLIENTS)
    await crowd.come()
    messages = int(RATE * (CALM + rounds * ROUND))
    async with steady.under_way(site.url, replace(STEADY, messages=messages)) as traffic:
        disturbance.step_aside()
        begun = time.perf_counter()
        await asyncio.sleep(CALM)
        calm, storms, wrong = (begun, time.perf_counter()), [], 0
        for number in range(rounds):
            await crowd.go(MISSED)
            storms.append(await crowd.come())
            wrong += crowd.wrong()
            await asyncio.sleep(max(0.0, begun + CALM + (number + 1) * ROUND - time.perf_counter()))
        return _outcomes(await traffic.result(), calm, storms, wrong)


def _outcomes(steadiness: Steadiness, calm: Window, storms: list[Window], wrong: int) -> Iterator[Outcome]:
    for number, storm in enumerate(storms, 1):
        seconds, p99 = storm[1] - storm[0], steadiness.p99_ms([storm])
        print(f"time {number}: all had caught up {seconds:.1f} s after the first came; p99 meanwhile {p99:.1f} ms")
    exact = f"{CLIENTS:,} clients with {MISSED} missed messages, {len(storms)} times: {wrong} got anything else"
    yield Outcome.on(wrong == 0, exact)
    yield from steadiness.outcomes([calm], storms, TIMES_WORSE)


if __name__ == "__main__":
    sys.exit(disturbance.run("benchmarks.reconnects", __doc__, measure))
