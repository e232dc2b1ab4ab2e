"""Counts of what clients do: plain numbers in each process, which adds them to the store in batches.

The store has the sums of all processes, so every process reports the same numbers, and they survive its end. Counting
costs a message less than a microsecond: no lock, and no write to a file or the store.
"""

import asyncio
import logging
import uuid
from bisect import bisect_left
from collections import Counter, deque
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from time import monotonic

from doqchat.errors import DoqchatError, Unavailable
from doqchat.protocol.names import CLOSE_CODES
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.pipeline import CLOSE_SECONDS, Pipeline
from doqchat.store.script import load

log = logging.getLogger(__name__)

REPORT_SECONDS = 5.0
"""Interval at which a process adds its counts to the store's."""

GONE_MS = int(3 * REPORT_SECONDS * 1000)
"""Time without a report after which the sockets of a process no longer count."""

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of histograms, in seconds."""

COMPARED = 12
"""Number of reports whose comparisons of the clocks are kept: those of a minute."""

OLDEST_SECONDS = 3_600.0
"""Events that are older when they are delivered have ids that are no times: other programs choose their own."""

STANDARD_CLOSE_CODES = range(1000, 1016)
"""The close codes of WebSocket itself. https://www.iana.org/assignments/websocket"""

DELIVERIES, CONNECTIONS = "deliveries", "connections"
CLOSES, REFUSALS, MESSAGES = "closes:", "refusals:", "messages:"
"""Prefixes of counters by close code, by error code, and by event."""

APPENDS, FANOUT = "append:", "fanout:"
"""Prefixes of histograms: a counter for each bucket, by its number, and `sum` in seconds."""

_ADD = load("counts_add")


class Histogram:
    """Durations, counted by bucket."""

    __slots__ = ("_buckets", "_seconds")

    def __init__(self) -> None:
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count a duration."""
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def totals(self, prefix: str) -> dict[str, float]:
        """Its counters; empty before the first duration."""
        counted = {f"{prefix}{number}": float(count) for number, count in enumerate(self._buckets) if count}
        return counted | {f"{prefix}sum": self._seconds} if counted else {}


@dataclass(slots=True)
class Totals:
    """The counts of all processes.

    Attributes:
        sockets: the open sockets.
        counters: the counters, by the names above.
    """

    sockets: int = 0
    counters: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Totals") -> None:
        """Add the counts on another server."""
        self.sockets += other.sockets
        self.counters.update(other.counters)

    def labelled(self, prefix: str) -> dict[str, float]:
        """The counters with this prefix, by label."""
        return {name.removeprefix(prefix): total for name, total in self.counters.items() if name.startswith(prefix)}


class Counts:
    """Counts what the clients of one event loop do in the sessions of one server.

    Args:
        pipeline: the server.

    Attributes:
        sockets: the open sockets.
        deliveries: stored events written to sockets, or queued for them.
        appends: durations of appends.
        fanout: times from storing an event until it was written to all live members.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.sockets = 0
        self.deliveries = 0
        self.appends, self.fanout = Histogram(), Histogram()
        self._others: Counter[str] = Counter()
        self._pipeline = pipeline
        self._process = uuid.uuid4().hex
        self._clock_offset: float | None = None
        self._clocks: deque[tuple[float, float]] = deque(maxlen=COMPARED)
        self._reported: dict[str, float] = {}
        self._report_lock = asyncio.Lock()
        self._reporting: asyncio.Task[None] | None = None

    def count(self, name: str) -> None:
        """Count one: CONNECTIONS, or a prefix with its label. The labels must be few."""
        self._others[name] += 1
        if self._reporting is None:
            # In an empty context: it outlives the request that starts it.
            self._reporting = asyncio.get_running_loop().create_task(self._report_forever(), context=Context())

    def closed(self, code: int) -> None:
        """Count a connection that was closed with this code; a client may choose any."""
        known = code in CLOSE_CODES or code in STANDARD_CLOSE_CODES
        self.count(f"{CLOSES}{code if known else 'other'}")

    def delivered(self, entry_id: str, members: int) -> None:
        """Count an event that was published and written to these live members."""
        self.deliveries += members
        if members and self._clock_offset is not None:
            age = monotonic() + self._clock_offset - int(entry_id.partition("-")[0]) / 1000
            if age < OLDEST_SECONDS:
                self.fanout.observe(age if age > 0 else 0.0)  # the clocks differ by less than a millisecond

    async def read(self) -> "Totals":
        """The counts of all processes on this server; raises Unavailable.

        Those of other processes may be REPORT_SECONDS old, and so may this one's where the store refuses writes.
        """
        with suppress(DoqchatError):
            await self.report()
        pipeline = self._pipeline
        now, flat, sockets = await asyncio.gather(
            pipeline.time(),
            pipeline.execute("HGETALL", keys.CLIENT_COUNTERS),
            pipeline.execute("HVALS", keys.CLIENT_SOCKETS),
        )
        reports = (map(int, report.split(" ")) for report in sockets)
        counters = Counter({name: float(amount) for name, amount in pairs(flat)})
        return Totals(sum(count for count, expires in reports if expires > now * 1000), counters)

    async def report(self) -> None:
        """Add what was counted since the last report to the store's counters, also if it is full.

        Raises:
            Unavailable: nothing was added; the next report includes it.
            DoqchatError: it is unknown whether it was added; it is not reported again.
        """
        async with self._report_lock:
            asked = monotonic()
            before, self._reported = self._reported, self._totals()
            amounts = {name: total - before.get(name, 0.0) for name, total in self._reported.items()}
            try:
                seconds, microseconds = await self._pipeline.run(
                    _ADD,
                    [keys.CLIENT_COUNTERS, keys.CLIENT_SOCKETS],
                    repeat=False,
                    amounts={name: amount for name, amount in amounts.items() if amount},
                    process=self._process,
                    sockets=self.sockets,
                    gone_ms=GONE_MS,
                )
            except Unavailable:
                self._reported = before
                raise
        self._compare_clocks(int(seconds) + int(microseconds) / 1e6, asked, monotonic())

    def _compare_clocks(self, there: float, asked: float, answered: float) -> None:
        """Record the store's time during a call; the shortest of the last calls tells the clocks' offset best."""
        self._clocks.append((answered - asked, there - (asked + answered) / 2))
        self._clock_offset = min(self._clocks)[1]

    async def close(self) -> None:
        """Report for the last time, for CLOSE_SECONDS at most."""
        if self._reporting is not None:
            self._reporting.cancel()
            await asyncio.wait([self._reporting])
            self.sockets = 0
            with suppress(DoqchatError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.report()

    async def _report_forever(self) -> None:
        while True:
            if self.sockets or self._totals() != self._reported:
                try:
                    await self.report()
                except DoqchatError as error:
                    log.debug("The counts could not be reported: %s", error.message)
            await asyncio.sleep(REPORT_SECONDS)

    def _totals(self) -> dict[str, float]:
        others = {name: float(count) for name, count in self._others.items()}
        deliveries = {DELIVERIES: float(self.deliveries)} if self.deliveries else {}
        return others | deliveries | self.appends.totals(APPENDS) | self.fanout.totals(FANOUT)
