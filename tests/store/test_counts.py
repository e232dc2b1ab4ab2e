"""The counts that processes add to the store."""

import pytest
import redis

from doqchat.errors import Unavailable
from doqchat.store import counts
from doqchat.store.counts import APPENDS, BOUNDS, CONNECTIONS, Counts
from doqchat.store.shards import Shards
from tests import processes
from tests.proxy import Proxy
from tests.store.refusing import fill


async def test_counts_are_added_once_when_the_store_is_reachable_again(
    shards: Shards, proxied_shards: Shards, proxy: Proxy, store_url: str
) -> None:
    before = (await shards.counts.read()).counters[CONNECTIONS]
    proxy.lead_to("127.0.0.1:1")
    counting = Counts(next(iter(proxied_shards)).pipeline)
    counting.count(CONNECTIONS)
    with pytest.raises(Unavailable):
        await counting.report()
    proxy.lead_to(f"127.0.0.1:{processes.port_of(store_url)}")
    for _ in range(2):
        assert (await counting.read()).counters[CONNECTIONS] == before + 1
    await counting.close()


async def test_a_process_reports_a_last_time_when_it_ends(own_store: processes.Store) -> None:
    ending, watching = Shards([own_store.url]), Shards([own_store.url])
    ending.counts.sockets += 2
    ending.counts.count(CONNECTIONS)
    await ending.counts.report()
    assert (await watching.counts.read()).sockets == 2
    ending.counts.count(CONNECTIONS)
    await ending.close()
    totals = await watching.counts.read()
    assert (totals.sockets, totals.counters[CONNECTIONS]) == (0, 2)
    await watching.close()


async def test_the_sockets_of_a_process_that_was_killed_count_no_longer(
    own_shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = Counts(next(iter(own_shards)).pipeline)
    killed.sockets += 3
    await killed.report()
    assert (await own_shards.counts.read()).sockets == 3
    monkeypatch.setattr(counts, "GONE_MS", 0)
    await killed.report()
    assert (await own_shards.counts.read()).sockets == 0


async def test_a_full_store_takes_counts(own_shards: Shards, own_client: "redis.Redis") -> None:
    fill(own_client)
    own_shards.counts.count(CONNECTIONS)
    assert (await own_shards.counts.read()).counters[CONNECTIONS] == 1


async def test_a_duration_counts_in_the_first_bucket_whose_bound_it_does_not_exceed(own_shards: Shards) -> None:
    for seconds in (0.0, BOUNDS[2], BOUNDS[2] + 1e-9, 1e6):
        own_shards.counts.appends.observe(seconds)
    counters = (await own_shards.counts.read()).counters
    buckets = {number: counters[f"{APPENDS}{number}"] for number in range(len(BOUNDS) + 1)}
    assert {number: count for number, count in buckets.items() if count} == {0: 1, 2: 1, 3: 1, len(BOUNDS): 1}
    assert counters[f"{APPENDS}sum"] == pytest.approx(1e6 + 2 * BOUNDS[2])
