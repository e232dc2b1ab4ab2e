"""Who does not read hurts nobody else, and can come back for what was missed."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.conftest import Connect
from tests.deaf import connect_deaf
from tests.processes import Web

pytestmark = pytest.mark.slow

SAID = 300
TEXT = "가" * 8_000


@pytest.fixture
def deaf(any_server: Web, sid: str) -> Iterator[socket.socket]:
    """A client that opens its socket to a session and then never reads."""
    with connect_deaf(any_server.address, sid) as peer:
        yield peer


async def test_a_socket_that_is_not_read_delays_nobody_and_is_dropped(
    deaf: socket.socket, any_server: Web, connect: Connect, sid: str
) -> None:
    talker, listener = await connect(any_server, sid, role="A"), await connect(any_server, sid, role="B", v1=True)
    members: dict[str, int] = {}

    async def heard() -> str:
        frame = await listener.recv()
        if frame["hd"]["event"] == "presence":
            members.clear()
            members.update(frame["bd"]["members"])
        return str(frame["bd"].get("text"))

    for number in range(SAID):
        text = f"{number} {TEXT}"[:8_000]
        await talker.say(text)
        assert (await talker.recv())["bd"]["text"] == text
        while await heard() != text:
            pass
    while members != {"A": 1, "B": 1}:
        await heard()
    assert await asyncio.to_thread(ends, deaf)


def ends(peer: socket.socket) -> bool:
    """Whether the server ends the connection, with or without a close frame; what was on its way may be read."""
    with suppress(ConnectionResetError):
        while peer.recv(65536):
            pass
    return True


async def test_what_a_slow_reader_missed_is_there_when_it_comes_back(
    deaf: socket.socket, any_server: Web, connect: Connect, sid: str
) -> None:
    talker = await connect(any_server, sid)
    ids = []
    for number in range(SAID):
        await talker.say(f"{number} {TEXT}"[:8_000])
        ids.append((await talker.recv())["hd"]["id"])
    back = await connect(any_server, sid, since="0")
    assert [(await back.recv())["hd"]["id"] for _ in range(SAID)] == ids
