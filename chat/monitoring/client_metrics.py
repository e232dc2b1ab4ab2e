"""The metrics of sockets and messages, and of the store's memory."""

from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from doqchat.protocol.events import ChatMessage, LLMRequest
from doqchat.store import counts
from doqchat.store.clients import place
from doqchat.store.counts import BOUNDS, Totals
from doqchat.store.shards import Memory, Shards


class ClientMetrics(Collector):
    """Metrics of all processes.

    Args:
        totals: what clients did.
        memory: the memory of each server, by its address.
        lag: seconds since the archive had all events of each server, by its address.
    """

    def __init__(self, totals: Totals, memory: Mapping[str, Memory], lag: Mapping[str, float]) -> None:
        self._totals = totals
        self._memory = memory
        self._lag = lag

    def collect(self) -> Iterator[Metric]:
        totals, counters = self._totals, self._totals.counters
        yield GaugeMetricFamily("doqchat_open_sockets", "Open sockets.", totals.sockets)
        for name, meaning, counter in (
            ("connections", "Sockets that have joined a session.", counts.CONNECTIONS),
            ("deliveries", "Stored events written to sockets, replays included.", counts.DELIVERIES),
        ):
            yield CounterMetricFamily(f"doqchat_{name}", meaning, counters[counter])
        events = dict.fromkeys((ChatMessage.event, LLMRequest.event), 0.0) | totals.labelled(counts.MESSAGES)
        yield _by("messages", "Messages and requests stored, without duplicates.", "event", events)
        closes = totals.labelled(counts.CLOSES)
        yield _by("closes", "Closed sockets, refused handshakes included.", "code", closes)
        refusals = totals.labelled(counts.REFUSALS)
        yield _by("refusals", "Errors sent over sockets and the HTTP API.", "code", refusals)
        yield self._histogram("append_seconds", "Time to store a message or request.", counts.APPENDS)
        meaning = "Time from storing an event until it was written to the live sockets of a process."
        yield self._histogram("fanout_seconds", meaning, counts.FANOUT)
        yield from self._store()

    def _store(self) -> Iterator[Metric]:
        used = GaugeMetricFamily("doqchat_store_memory_used_bytes", "Memory that a store uses.", labels=["server"])
        limit = GaugeMetricFamily(
            "doqchat_store_memory_max_bytes", "Memory limit of a store; 0 for none.", labels=["server"]
        )
        for server, memory in self._memory.items():
            used.add_metric([server], memory.used)
            limit.add_metric([server], memory.limit)
        lag = GaugeMetricFamily(
            "doqchat_archive_lag_seconds", "Time since the archive had all events of a store.", labels=["server"]
        )
        for server, seconds in self._lag.items():
            lag.add_metric([server], seconds)
        yield from (used, limit, lag)

    def _histogram(self, name: str, meaning: str, prefix: str) -> Metric:
        counters = self._totals.counters
        totals = accumulate(counters[f"{prefix}{number}"] for number in range(len(BOUNDS) + 1))
        buckets = list(zip([*map(str, BOUNDS), "+Inf"], totals, strict=True))
        return HistogramMetricFamily(f"doqchat_{name}", meaning, buckets=buckets, sum_value=counters[f"{prefix}sum"])


def _by(name: str, meaning: str, label: str, totals: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"doqchat_{name}", meaning, labels=[label])
    for value, total in sorted(totals.items()):
        family.add_metric([value], total)
    return family


async def read_client_metrics(shards: Shards) -> ClientMetrics:
    """Read them from all servers; raises Unavailable."""
    totals, memory, lag = Totals(), {}, {}
    for shard in shards:
        totals.add(await shard.counts.read())
        if (known := await shard.memory()) is not None:
            memory[place(shard.url)] = known
        if (seconds := await shard.archive_lag()) is not None:
            lag[place(shard.url)] = seconds
    return ClientMetrics(totals, memory, lag)
