"""`GET /metrics`: what clients do, whichever process they are connected to."""

import asyncio

import pytest
from websockets.asyncio.client import connect as open_socket

from doqchat.store.shards import Shards
from tests import processes
from tests.chat.fetch import fetch, post
from tests.client import WITHIN
from tests.conftest import Connect
from tests.replies.exposition import numbers

OF_CLIENTS = tuple(
    f"doqchat_{name}"
    for name in ("append", "closes", "connections", "deliveries", "fanout", "messages", "open_sockets", "refusals")
)


def of_clients(*webs: processes.Web) -> dict[str, float]:
    """The metrics of clients when each process has reported; a scraped one reports first."""
    for web in webs:
        fetch(web, "/metrics")
    all_metrics = numbers(fetch(webs[0], "/metrics"))
    return {name: value for name, value in all_metrics.items() if name.startswith(OF_CLIENTS)}


async def growth(before: dict[str, float], sockets: int, *webs: processes.Web, closes: int = 0) -> dict[str, float]:
    """How the metrics have grown, once so many more sockets are open and so many were closed."""
    async with asyncio.timeout(WITHIN):
        while True:
            after = of_clients(*webs)
            grown = {name: value - before.get(name, 0.0) for name, value in after.items()}
            closed = sum(amount for name, amount in grown.items() if name.startswith("doqchat_closes_total"))
            if (grown["doqchat_open_sockets"], closed) == (sockets, closes):
                return {name: amount for name, amount in grown.items() if amount}
            await asyncio.sleep(0.05)


def without_histograms(grown: dict[str, float]) -> dict[str, float]:
    return {name.removeprefix("doqchat_"): amount for name, amount in grown.items() if "_seconds_" not in name}


async def test_every_process_reports_what_the_clients_of_all_processes_do(
    server: processes.Web, daphne_server: processes.Web, connect: Connect, sid: str
) -> None:
    before = of_clients(server, daphne_server)
    a, b = await connect(server, sid, role="A"), await connect(daphne_server, sid, role="B")
    for text in ("one", "two", "three"):
        await a.say(text)
        assert [(await client.recv_event("chat.message"))["bd"]["text"] for client in (a, b)] == [text, text]
    c = await connect(daphne_server, sid, role="B", since="0")
    assert [(await c.recv_event("chat.message"))["bd"]["text"] for _ in range(3)] == ["one", "two", "three"]
    await b.send_raw("no JSON")
    await b.recv_event("error")
    await b.close()
    for web in (server, daphne_server):
        other = daphne_server if web is server else server
        grown = await growth(before, 2, web, other, closes=1)
        assert without_histograms(grown) == {
            "open_sockets": 2,
            "connections_total": 3,
            "closes_total 1000": 1,
            "messages_total chat.message": 3,
            "deliveries_total": 9,
            "refusals_total invalid_json": 1,
        }
        assert grown["doqchat_append_seconds_count"] == 3
        assert grown["doqchat_fanout_seconds_count"] == 6
        for name in ("append", "fanout"):
            assert grown[f"doqchat_{name}_seconds_bucket +Inf"] == grown[f"doqchat_{name}_seconds_count"]
            assert 0 <= grown.get(f"doqchat_{name}_seconds_sum", 0.0) < WITHIN


async def test_refused_handshakes_and_calls_are_counted_by_code(any_server: processes.Web, connect: Connect) -> None:
    before = of_clients(any_server)
    refused = await connect(any_server, "not a session".replace(" ", "%20"))
    assert await refused.close_code() == 4400
    async with open_socket(f"{any_server.ws}/elsewhere", proxy=None) as elsewhere:
        await elsewhere.wait_closed()
    assert fetch(any_server, "/api/chat/nothing").status == 404
    assert post(any_server, "room", "").status == 400
    assert without_histograms(await growth(before, 0, any_server, closes=2)) == {
        "closes_total 4400": 2,
        "refusals_total invalid_message": 2,
        "refusals_total not_found": 2,
    }


@pytest.mark.parametrize(("sent", "counted"), [(1001, "1001"), (4321, "other")])
async def test_a_client_cannot_add_labels_with_its_close_codes(
    any_server: processes.Web, connect: Connect, sid: str, sent: int, counted: str
) -> None:
    before = of_clients(any_server)
    client = await connect(any_server, sid)
    await growth(before, 1, any_server)
    await client.connection.close(sent)
    assert without_histograms(await growth(before, 0, any_server, closes=1)) == {
        "connections_total": 1,
        f"closes_total {counted}": 1,
    }


def test_the_memory_of_each_store_is_reported(server: processes.Web, store_url: str) -> None:
    metrics = numbers(fetch(server, "/metrics"))
    place = f"127.0.0.1:{processes.port_of(store_url)}"
    assert metrics[f"doqchat_store_memory_used_bytes {place}"] > 2**19
    assert metrics[f"doqchat_store_memory_max_bytes {place}"] >= 0


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_a_process_that_ends_has_reported_all(
    own_store: processes.Store, django_db_setup: None, connect: Connect, sid: str, kind: str
) -> None:
    with processes.web(kind, DOQCHAT_REDIS_URL=own_store.url) as web:
        client = await connect(web, sid, role="A")
        for text in ("one", "two"):
            await client.say(text)
            await client.recv_event("chat.message")
        await client.close()
    shards = Shards([own_store.url])
    totals = await shards.counts.read()
    await shards.close()
    assert (totals.sockets, totals.counters["messages:chat.message"], totals.counters["closes:1000"]) == (0, 2, 1)
