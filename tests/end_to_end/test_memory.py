"""What a server process keeps for those who do not read, or read slowly, is bounded and little."""

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.request import urlopen

import psutil
import pytest
import redis
from websockets.asyncio.client import connect as open_socket

from doqchat.store import keys
from tests import processes
from tests.client import WITHIN, Client
from tests.conftest import Connect
from tests.deaf import connect_deaf

pytestmark = pytest.mark.slow

MIB = 2**20
NEVER_READING = 10
LARGE = "가" * 8_000
BACKLOG, ROUNDS = 20_000, 25


@pytest.fixture(params=["uvicorn", "daphne"])
def web(request: pytest.FixtureRequest, store_url: str, django_db_setup: None) -> Iterator[processes.Web]:
    """A web process whose memory nobody has used before."""
    with processes.web(request.param) as web:
        yield web


def memory(web: processes.Web) -> float:
    """MiB that the process has in memory."""
    resident: float = psutil.Process(web.process.pid).memory_info().rss / MIB
    return resident


def fill(store: "redis.Redis", sid: str, text: str, count: int) -> list[str]:
    """Store messages that nobody is told of; their ids."""
    entry = {"participant": "A", "body": f'{{"hd":{{"event":"chat.message","role":"A"}},"bd":{{"text":"{text}"}}}}'}
    ids: list[str] = []
    while len(ids) < count:
        with store.pipeline(transaction=False) as several:
            for _ in range(min(1_000, count - len(ids))):
                several.xadd(keys.stream(sid), entry)
            ids += several.execute()
    return ids


async def test_clients_that_never_read_what_they_asked_for_cost_less_than_2_mib_each(
    web: processes.Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    missed = fill(store, sid, LARGE, 200)

    async def read_all() -> None:
        """Ask for the same and get it; whoever asked before has then had a turn."""
        client = await connect(web, sid, since="0")
        assert [(await client.recv())["hd"]["id"] for _ in missed] == missed

    with ExitStack() as stack:
        stack.enter_context(connect_deaf(web.address, sid, since="0"))
        await read_all()
        before = memory(web)
        for _ in range(NEVER_READING):
            stack.enter_context(connect_deaf(web.address, sid, since="0"))
        await read_all()
        assert (memory(web) - before) / NEVER_READING < 2


async def test_a_backlog_goes_out_at_its_readers_pace_while_others_talk(
    web: processes.Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    missed = fill(store, sid, "x" * 300, BACKLOG)
    talker, listener = await connect(web, sid), await connect(web, sid)
    before = memory(web)
    said, grown, url = [], [], f"{web.ws}/v1/session/chat?sid={sid}&since=0"
    async with open_socket(url, compression=None, max_queue=16, open_timeout=WITHIN, proxy=None) as connection:
        slow, seen = Client(connection), []
        for number in range(ROUNDS):
            await talker.say(str(number))
            said.append((await talker.recv())["hd"]["id"])
            assert (await listener.recv())["hd"]["id"] == said[-1]
            seen += [(await slow.recv())["hd"]["id"] for _ in range(BACKLOG // ROUNDS)]
            grown.append(memory(web) - before)
        assert seen == missed
        assert [(await slow.recv())["hd"]["id"] for _ in said] == said
    assert max(grown) < 4


def test_an_export_is_streamed_and_not_collected(web: processes.Web, store: "redis.Redis", sid: str) -> None:
    fill(store, f"{sid}-short", "x", 1)
    fill(store, sid, "x" * 1_000, BACKLOG // 2)
    with urlopen(f"{web.http}/api/chat/sessions/{sid}-short/export", timeout=WITHIN) as export:
        export.read()  # what an export needs is loaded now
    before, grown, size = memory(web), [], 0
    with urlopen(f"{web.http}/api/chat/sessions/{sid}/export", timeout=WITHIN) as export:
        while piece := export.read(MIB):
            size += len(piece)
            grown.append(memory(web) - before)
    assert size > 10 * MIB
    assert max(grown) < 8
