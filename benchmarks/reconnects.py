"""`python -m benchmarks.reconnects`: 1,000 clients come back within a second, each with 100 messages to catch up on.

They must get exactly those, and people who stayed connected should hardly notice. Exit status 0 when every target is
met, 1 when one is not, 130 after Ctrl-C.
"""

import argparse
import asyncio
import os
import sys
import time

import picows
import redis.asyncio
import uvloop

from benchmarks import steady
from benchmarks.clients import CONNECT_TIMEOUT, Client, raise_open_files_limit
from benchmarks.processes import OTHER_CORES
from benchmarks.steady import Steadiness, Window
from benchmarks.targets import DOQCHAT, DOQCHAT_DAPHNE, Site
from benchmarks.workloads import Traffic
from doqchat.store import keys

CLIENTS, MISSED = 1_000, 100
WITHIN = 1.0  # seconds in which all of them come back
CALM = 10.0  # seconds that are measured before the first time
ROUND = 20.0  # seconds from one time to the next; all must have caught up before that
QUIET = 2.0  # seconds after everybody has gone, and again after the messages were stored
TIMES_WORSE = 3.0
FIRST_SESSION = 1_000_000  # away from those of the steady traffic
STEADY = {"name": "steady", "sessions": 20, "members": 2, "senders": 2, "window": 10_000, "unit": "message"}
RATE = 200.0  # messages per second of the steady traffic
V1 = {"Sec-WebSocket-Protocol": "doqchat.v1"}
ID, END_OF_ID = b'"id":"', b'"'


class Returning(Client):
    """A client that goes away and comes back, two of them to a session."""

    def __init__(self, number: int) -> None:
        super().__init__(FIRST_SESSION + number // 2, self._take)
        self.sid = f"bench-{self.session}"
        self.seen: list[bytes] = []
        self.expected: list[bytes] = []
        self.since = "0"
        self.caught_up = asyncio.Event()

    async def come(self, url: str) -> None:
        """Connect, with `since`."""
        self.closed = None
        await picows.ws_connect(
            lambda: self,
            f"{url}/v1/session/chat?sid={self.sid}&since={self.since}",
            extra_headers=V1,
            websocket_handshake_timeout=CONNECT_TIMEOUT,
            read_buffer_init_size=2048,
        )

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
        """All go, and so many messages are stored in each session, past the server."""
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


async def measure(site: Site, rounds: int) -> bool:
    """Let them go and come so many times, and print what it shows; whether all targets are met."""
    crowd = Crowd(site, CLIENTS)
    await crowd.come()
    messages = int(RATE * (CALM + rounds * ROUND))
    workload = Traffic(**STEADY, messages=messages, warm_up=int(2 * RATE), rate=RATE)  # type: ignore[arg-type]
    traffic = await steady.start(site.url, workload)
    begun = time.perf_counter()
    await asyncio.sleep(CALM)
    calm, storms, wrong = (begun, time.perf_counter()), [], 0
    for number in range(rounds):
        await crowd.go(MISSED)
        storms.append(await crowd.come())
        wrong += crowd.wrong()
        await asyncio.sleep(max(0.0, begun + CALM + (number + 1) * ROUND - time.perf_counter()))
    return _tell(await steady.result(traffic), calm, storms, wrong)


def _tell(steadiness: Steadiness, calm: Window, storms: list[Window], wrong: int) -> bool:
    quiet, worst = steadiness.p99_ms([calm]), steadiness.p99_ms(storms)
    for number, storm in enumerate(storms, 1):
        seconds, p99 = storm[1] - storm[0], steadiness.p99_ms([storm])
        print(f"time {number}: all had caught up {seconds:.1f} s after the first came; p99 meanwhile {p99:.1f} ms")
    exact, even = wrong == 0, worst <= TIMES_WORSE * quiet
    print(
        f"{CLIENTS:,} clients with {MISSED} missed messages, {len(storms)} times: "
        f"{wrong} got anything else: {_said(exact)}"
    )
    text = f"those who stayed: p99 {quiet:.1f} ms in calm ({steadiness.messages([calm]):,} deliveries), {worst:.1f} ms"
    text += f" while the others caught up ({steadiness.messages(storms):,}), {worst / (quiet or 1):.1f} times;"
    print(f"{text} target {TIMES_WORSE:g}: {_said(even)}")
    if steadiness.problem:
        print(f"the steady traffic does not count: {steadiness.problem}")
    return exact and even and not steadiness.problem


def _said(passed: bool) -> str:
    return "pass" if passed else "NOT MET"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reconnects", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often they go and come (3)")
    parser.add_argument("--server", choices=["uvicorn", "daphne"], default="uvicorn")
    arguments = parser.parse_args()
    raise_open_files_limit()
    os.sched_setaffinity(0, OTHER_CORES)
    print(f"{arguments.server}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    try:
        with (DOQCHAT if arguments.server == "uvicorn" else DOQCHAT_DAPHNE).running() as site:
            return 0 if uvloop.run(measure(site, arguments.rounds)) else 1
    except KeyboardInterrupt:
        print("\nStopped; everything that was started has ended.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
