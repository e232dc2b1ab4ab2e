"""The site on ASGI servers that are not ours: what the application itself holds them to."""

import signal
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from doqchat.serving.connection_limits import FRAME_BYTES
from tests.ports import free_port
from tests.processes import Process, Web, is_healthy, running

pytestmark = pytest.mark.slow

APPLICATION = "config.asgi:application"
COMMANDS = {
    "uvicorn": ["uvicorn", APPLICATION, "--port", "{port}", "--log-level", "warning"],
    "hypercorn": [
        *("hypercorn", APPLICATION, "--bind", "127.0.0.1:{port}", "--websocket-ping-interval", "20"),
        *("--worker-class", "uvloop"),  # on asyncio's loop it waits for its clients to disconnect, from Python 3.12 on
    ],
    "granian": ["granian", "--interface", "asgi", "--port", "{port}", "--no-log", APPLICATION],
}


@pytest.fixture(params=COMMANDS)
def server(request: pytest.FixtureRequest, store_url: str, django_db_setup: None) -> Iterator[Web]:
    """The site on each server's own command line."""
    port = free_port()
    command = [sys.executable, "-m", *(part.format(port=port) for part in COMMANDS[request.param])]

    def ready(_: Process) -> bool:
        return is_healthy(f"http://127.0.0.1:{port}/healthz")

    with running(request.param, command, ready) as process:
        yield Web(process, f"127.0.0.1:{port}")


async def close_code(client: ClientConnection) -> int | None:
    """The code that the server closes with, after whatever it sends before."""
    with suppress(ConnectionClosed):
        async for _ in client:
            pass
    return client.close_code


@pytest.mark.parametrize("name", COMMANDS)
def test_no_server_starts_with_access_that_the_site_does_not_enforce(name: str, store_url: str) -> None:
    command = [sys.executable, "-m", *(part.format(port=free_port()) for part in COMMANDS[name])]
    process = Process(name, command, {"DOQCHAT_ACCESS": "private"})
    try:
        process.wait_until(lambda: "DOQCHAT_ACCESS must be one of open, token." in process.output)
        process.wait()
    finally:
        process.end()


async def test_a_conversation_has_the_limits_and_the_end_that_the_protocol_says(server: Web, sid: str) -> None:
    url = f"{server.ws}/v1/session/chat?sid={sid}"
    async with connect(url) as a, connect(url) as b:
        await a.send('{"hd": {"event": "chat.message", "role": "A"}, "bd": {"text": "Hello 😊"}}')
        assert "Hello 😊" in str(await b.recv())
        await a.send("x" * (FRAME_BYTES + 1))
        assert await close_code(a) == 1009
        server.process.send_signal(signal.SIGTERM)
        assert await close_code(b) == (1006 if server.process.name == "granian" else 1012)  # granian says nothing
