"""`python -m benchmarks.never_reading`: 50 people talk; another connects, never reads, and comes back when dropped.

The 50 should hardly notice, and the server should hardly need more memory. Exit status 0 when every target is met, 1
when one is not, 130 after Ctrl-C.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psutil

from benchmarks import disturbance, steady
from benchmarks.accounting import resident_bytes
from benchmarks.outcome import Outcome
from benchmarks.steady import Steadiness, Window
from benchmarks.targets import Site
from benchmarks.workloads import Traffic
from tests.deaf import connect_deaf

WARM_UP = 10.0  # seconds
STRETCH = 20.0  # seconds, without it and with it in turn, so that what drifts does so in both
LOOK_EVERY = 0.5  # seconds
TIMES_WORSE = 1.5
MORE_MIB = 2.0
RATE = 40.0  # messages per second, of 8 KB: what the kernel holds for the one is full after some seconds
STEADY = Traffic(
    "steady", sessions=1, members=50, senders=2, messages=0, warm_up=int(RATE * WARM_UP), window=10_000,
    unit="message", rate=RATE, texts=80,
)  # fmt: skip
SID = "bench-0"
MIB = 2**20


@dataclass(frozen=True)
class Stretch:
    """From when to when it was watched; the server's largest resident memory, in bytes; how often it dropped it."""

    window: Window
    memory: int
    dropped: int


class Deaf:
    """The client that never reads."""

    def __init__(self, site: Site) -> None:
        self.dropped = 0
        self._site = site
        self._come()

    def come_back(self, peers: set[tuple[str, int]]) -> None:
        """Connect again, if it is not among the server's peers: the server has dropped it.

        Its own side never hears of that: the end of the connection waits behind all that was not read.
        """
        if self._socket.getsockname() not in peers:
            self.dropped += 1
            self.go()
            self._come()

    def go(self) -> None:
        """End it."""
        self._socket.close()

    def _come(self) -> None:
        self._socket: socket.socket = connect_deaf(self._site.url.removeprefix("ws://"), SID)


async def measure(site: Site, rounds: int) -> Iterator[Outcome]:
    """Measure the traffic without it and with it for the given number of rounds; prints each result."""
    messages = int(RATE * (2 * rounds * STRETCH + LOOK_EVERY))
    async with steady.under_way(site.url, replace(STEADY, messages=messages)) as traffic:
        disturbance.step_aside()
        calm, beside = [], []
        for _ in range(rounds):
            calm.append(await _watch(site))
            deaf = Deaf(site)
            beside.append(await _watch(site, deaf))
            deaf.go()
        return _outcomes(await traffic.result(), calm, beside)


async def _watch(site: Site, deaf: Deaf | None = None) -> Stretch:
    """Look at the server for STRETCH seconds, with the client beside the others or without, in the same way."""
    begun = time.perf_counter()
    server, memory = psutil.Process(site.server_pid), 0
    while time.perf_counter() < begun + STRETCH:
        await asyncio.sleep(LOOK_EVERY)
        memory = max(memory, resident_bytes(site.server_pid))
        peers = {connection.raddr for connection in server.net_connections("tcp")}
        if deaf is not None:
            deaf.come_back(peers)
    return Stretch((begun, time.perf_counter()), memory, deaf.dropped if deaf else 0)


def _outcomes(steadiness: Steadiness, calm: list[Stretch], beside: list[Stretch]) -> Iterator[Outcome]:
    for number, stretches in enumerate(zip(calm, beside, strict=True), 1):
        for where, one in zip(("without it", "beside it"), stretches, strict=True):
            p99, memory = steadiness.p99_ms([one.window]), one.memory / MIB
            print(f"time {number}, {where}: p99 {p99:.1f} ms, memory {memory:.2f} MiB, dropped {one.dropped} times")
    yield from steadiness.outcomes([one.window for one in calm], [one.window for one in beside], TIMES_WORSE)
    # What a time leaves behind is in the calm that follows it: the first calm is the one to compare with.
    before, most = calm[0].memory / MIB, max(one.memory for one in beside) / MIB
    text = f"resident memory of the server {before:.1f} MiB at the most in the first calm, {most:.1f} MiB beside it"
    yield Outcome.on(most - before < MORE_MIB, f"{text}: {most - before:.2f} MiB more, target {MORE_MIB:g}")
    drops = [one.dropped for one in beside]
    yield Outcome.on(all(drops), f"dropped each time before it was over, {sum(drops)} times in all")


if __name__ == "__main__":
    sys.exit(disturbance.run("benchmarks.never_reading", __doc__, measure))
