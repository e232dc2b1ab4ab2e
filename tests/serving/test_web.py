"""What both web servers have to do alike, though neither does so by itself."""

import asyncio
import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests import processes
from tests.serving.application import PIECE, PIECES, STUCK_AFTER


class Web:
    """A running web process and where it listens; `earlier` floods belong to other tests."""

    def __init__(self, started: processes.Web, earlier: int = 0) -> None:
        self.process = started.process
        self.port = int(started.address.rpartition(":")[2])
        self._earlier = earlier

    async def state(self, path: str = "/healthz") -> dict[str, Any]:
        def get() -> bytes:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as response:
                return bytes(response.read())

        state: dict[str, Any] = json.loads(await asyncio.to_thread(get))
        return state

    async def flood(self, name: str) -> dict[str, Any]:
        """What became of the test's first flood, once it came to a stop or, with `name`, that much further."""
        while not ((floods := await self.floods()) and floods[0][name]):  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.05)
        return floods[0]

    async def floods(self) -> list[dict[str, Any]]:
        """What became of the test's floods."""
        floods: list[dict[str, Any]] = (await self.state())["floods"]
        return floods[self._earlier :]

    async def forgets(self, peer: socket.socket) -> None:
        """Returns when the process has closed its connection to this peer."""
        port = peer.getsockname()[1]
        process = psutil.Process(self.process.pid)
        while any(one.raddr and one.raddr.port == port for one in process.net_connections("tcp")):  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    def silent_peer(self, path: str) -> socket.socket:
        """A peer that opens a WebSocket and then reads nothing, not even the answer."""
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", self.port))
        peer.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        return peer


async def close_code(client: ClientConnection) -> int | None:
    """The code the server closes with, after whatever it sends before."""
    with suppress(ConnectionClosed):
        async for _ in client:
            pass
    return client.close_code


@pytest.fixture(scope="module", params=["uvicorn", "daphne"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each server in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def shared(kind: str) -> Iterator[processes.Web]:
    with processes.web(kind, DJANGO_SETTINGS_MODULE="tests.serving.settings") as started:
        yield started


@pytest.fixture
async def web(shared: processes.Web) -> Web:
    """A web process that other tests use too."""
    return Web(shared, len(await Web(shared).floods()))


@pytest.fixture
def own_web(kind: str) -> Iterator[Web]:
    """A web process that the test may end."""
    with processes.web(kind, DJANGO_SETTINGS_MODULE="tests.serving.settings") as started:
        yield Web(started)


async def test_an_inherited_socket_serves_http_and_websockets(web: Web) -> None:
    assert (await web.state())["pid"] == web.process.pid
    async with connect(f"ws://127.0.0.1:{web.port}/echo") as client:
        await client.send("안녕하세요 😊")
        assert await client.recv() == "안녕하세요 😊"


async def test_ipv6_is_served(kind: str) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
        address, descriptor = f"[::1]:{listening.getsockname()[1]}", listening.fileno()
        command = [*processes.manage("doqchat_web"), "--fd", str(descriptor), "--server", kind]
        settings = {"DJANGO_SETTINGS_MODULE": "tests.serving.settings"}
        with processes.running(
            kind, command, lambda _: processes.is_healthy(f"http://{address}/healthz"), settings, [descriptor]
        ):
            async with connect(f"ws://{address}/echo") as client:
                await client.send("over IPv6")
                assert await client.recv() == "over IPv6"


async def test_sending_waits_for_a_peer_that_does_not_read(web: Web) -> None:
    with closing(web.silent_peer("/flood")):
        flood = await web.flood("stuck")
    assert flood["pieces"] < PIECES / 4


@pytest.mark.slow
async def test_a_silent_peer_is_let_go_when_its_application_ends(web: Web) -> None:
    with closing(web.silent_peer("/flood")) as peer:
        await web.flood("stuck")
        await web.forgets(peer)


@pytest.mark.slow
async def test_closing_does_not_wait_for_a_peer_that_does_not_read(web: Web) -> None:
    with closing(web.silent_peer("/flood-and-close")) as peer:
        await web.flood("closed")
        await web.forgets(peer)


async def test_a_peer_that_sends_more_than_the_application_takes_has_to_wait(web: Web) -> None:
    async with connect(f"ws://127.0.0.1:{web.port}/listen") as client:
        sent = 0
        with suppress(TimeoutError):
            while sent < PIECES:
                sent += 1
                await asyncio.wait_for(client.send(PIECE), STUCK_AFTER)
        assert sent < PIECES / 4
        await web.state("/listen")
        await client.send("end")
        assert int(await client.recv()) == sent * len(PIECE)


async def test_a_reader_that_falls_behind_gets_everything(web: Web) -> None:
    async with connect(f"ws://127.0.0.1:{web.port}/flood", max_queue=1) as client:
        received = [await client.recv() for _ in range(PIECES)]
    assert {len(piece) for piece in received} == {65536}


async def test_sigterm_sends_1012_and_exits_with_0(own_web: Web) -> None:
    async with connect(f"ws://127.0.0.1:{own_web.port}/echo") as client:
        await client.send("hello")
        await client.recv()
        own_web.process.send_signal(signal.SIGTERM)
        assert await close_code(client) == 1012
    assert await asyncio.to_thread(own_web.process.wait) == 0


async def test_sigterm_refuses_a_handshake_in_progress(kind: str, own_web: Web) -> None:
    """daphne breaks the connection; uvicorn answers with 503."""
    head = b""
    with closing(own_web.silent_peer("/undecided")) as peer:
        await own_web.flood("undecided")
        own_web.process.send_signal(signal.SIGTERM)
        peer.settimeout(processes.END_WITHIN)
        with suppress(ConnectionResetError):
            head = await asyncio.to_thread(peer.recv, 4096)
    assert head.startswith(b"HTTP/1.1 503 " if kind == "uvicorn" else b"")
    assert b" 101 " not in head
    assert await asyncio.to_thread(own_web.process.wait) == 0
    assert "Traceback" not in own_web.process.output


async def test_sigterm_sends_1012_to_a_peer_in_mid_sentence(own_web: Web) -> None:
    async def talk(client: ClientConnection) -> None:
        while True:
            await client.send("x" * 10_000)
            await asyncio.sleep(0)

    client = await connect(f"ws://127.0.0.1:{own_web.port}/echo")
    talking = asyncio.create_task(talk(client))
    await client.recv()
    own_web.process.send_signal(signal.SIGTERM)
    assert await close_code(client) == 1012
    talking.cancel()
    await asyncio.wait([talking])
    await client.wait_closed()


@pytest.mark.slow
async def test_a_silent_peer_does_not_keep_the_process_from_ending(own_web: Web) -> None:
    with closing(own_web.silent_peer("/flood")):
        await own_web.flood("pieces")
        own_web.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(own_web.process.wait) == 0


async def test_a_frame_of_more_than_1_mib_closes_with_1009(web: Web) -> None:
    length = 4 * 1024 * 1024
    too_large = b"\x81\xff" + length.to_bytes(8, "big") + b"mask" + bytes(length)  # text, in one frame, masked

    def frame_in_return(peer: socket.socket) -> bytes:
        received = b""
        with suppress(ConnectionError):
            while not received.endswith(b"\r\n\r\n"):
                received += peer.recv(1)
            received = b""
            peer.sendall(too_large)
            while data := peer.recv(4096):
                received += data
        return received

    with closing(web.silent_peer("/echo")) as peer:
        frame = await asyncio.to_thread(frame_in_return, peer)
    assert frame[0] == 0x88  # a close frame; its length and then its code follow
    assert int.from_bytes(frame[2:4], "big") == 1009
    assert (await web.state())["pid"] == web.process.pid
