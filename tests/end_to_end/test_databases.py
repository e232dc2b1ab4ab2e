"""Two sites on one server, each with a database of its own, are strangers to each other."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from doqchat.store.shards import Shards
from tests import processes
from tests.client import Client
from tests.conftest import Connect
from tests.replies.conversation import ENDS, ask

SLOW = "one two three four five six seven eight nine ten"


@pytest.fixture
def sites(own_store: processes.Store, django_db_setup: None) -> Iterator[list[processes.Web]]:
    """A web process and a worker on database 0, and another of each on database 1."""
    with ExitStack() as stack:
        webs = []
        for database in (0, 1):
            url = own_store.url.removesuffix("/0") + f"/{database}"
            webs.append(stack.enter_context(processes.web(DOQCHAT_REDIS_URL=url)))
            stack.enter_context(processes.llm_worker(url))
        yield webs


async def heard_of_others(client: Client) -> list[Any]:
    """The frames that come before the answer to a ping, but for those that say that the client is alone."""
    await client.send("ping", {})
    frames = (await client.recv_until("pong"))[:-1]
    return [frame for frame in frames if frame["hd"]["event"] != "presence" or frame["bd"]["members"] != {"A": 1}]


@pytest.mark.slow
async def test_nothing_crosses_between_the_databases_of_a_server(
    sites: list[processes.Web], connect: Connect, sid: str
) -> None:
    here, there = [await connect(web, sid, v1=True, role="A") for web in sites]
    assert (await there.recv_event("session.welcome"))["bd"]["members"] == {"A": 1}
    await here.say("only here")
    await here.recv_event("chat.message")
    await here.send("chat.typing", {"active": True})
    await ask(here, SLOW)
    piece = await here.recv_event("llm.streaming")
    await here.send("llm.cancel", {"reply_id": piece["bd"]["reply_id"]})
    ended = await here.recv_event(*ENDS)
    assert ended["bd"]["finish_reason"] == "cancelled"
    assert await heard_of_others(there) == []
    await ask(there, SLOW)
    piece = await there.recv_event("llm.streaming")
    await there.send("llm.cancel", {"reply_id": piece["bd"]["reply_id"]})
    assert (await there.recv_event(*ENDS))["bd"]["finish_reason"] == "cancelled"


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("redis://localhost", 0),
        ("redis://localhost/0", 0),
        ("redis://localhost/3", 3),
        ("redis://localhost?db=3", 3),
        ("redis://localhost/1?db=3", 3),
        ("rediss://:secret@localhost:6380/3", 3),
        ("unix:///run/redis.sock?db=3", 3),
        ("unix:///run/redis.sock", 0),
    ],
)
def test_channels_are_named_after_the_database(url: str, database: int) -> None:
    suffix = f".{database}" if database else ""
    assert Shards([url]).of("room").channel("room") == f"doqchat{suffix}__group__chat.session.room"
    assert Shards([url]).of("room").workers_channel == f"llm:workers{suffix}"


def test_the_databases_of_all_servers_are_part_of_the_name() -> None:
    hosts = ["redis://first/0", "redis://second/1"]
    assert Shards(hosts).of("room").channel("room") == "doqchat.0.1__group__chat.session.room"
