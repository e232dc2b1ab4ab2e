"""The Socket.IO peer: the installation of its packages, and the framing of its clients."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.clients import Client
from benchmarks.peers.socketio.client import SocketIOClient
from benchmarks.peers.socketio.installation import SOURCE, UnavailableError, install

NPM = """#!/bin/sh
echo "npm $*" >> "{called}"
echo "npm error code EBADENGINE"
exit $(cat "{status}")
"""


class Machine:
    """Our own programs in PATH: an npm that records its calls and exits with a given status."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.installed_in = folder / "bin", folder / "socketio"
        self._called, self._status = folder / "called", folder / "status"
        self.bin.mkdir()
        self.add("node", "#!/bin/sh\n")
        self.add("npm", NPM.format(called=self._called, status=self._status))

    def add(self, name: str, script: str) -> None:
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def install(self, status: int = 0) -> None:
        """Install as the benchmark does; npm creates node_modules and exits with the status."""
        self._status.write_text(str(status))
        (self.installed_in / "node_modules").mkdir(parents=True, exist_ok=True)
        install(self.installed_in)

    @property
    def calls(self) -> int:
        return len(self._called.read_text().splitlines())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{found.bin}:/bin:/usr/bin")
    return found


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_a_missing_program_is_named(missing: str, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(machine.bin))
    (machine.bin / missing).unlink()
    with pytest.raises(UnavailableError, match=f"^{missing} is not in PATH, install Node.js 20 or later and npm$"):
        machine.install()


def test_a_failed_installation_is_repeated_and_a_successful_one_is_not(machine: Machine) -> None:
    with pytest.raises(UnavailableError, match=r"^npm ci failed \(EBADENGINE\), its output is in .*npm.log$"):
        machine.install(status=1)
    machine.install()
    machine.install()
    assert machine.calls == 2


def test_a_changed_lock_file_is_installed_from(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.install()
    (machine.installed_in / "node_modules" / ".installed").write_text("{}")
    machine.install()
    assert machine.calls == 2


def test_a_folder_that_cannot_be_written_is_reported_in_one_sentence(machine: Machine) -> None:
    machine.installed_in.write_text("")
    with pytest.raises(UnavailableError, match=r"^its packages could not be installed \("):
        install(machine.installed_in)


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (SOURCE / "package-lock.json").read_text()


@asynccontextmanager
async def server(talk: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """A WebSocket server with this handler; yields its URL."""
    async with serve(talk, "127.0.0.1", 0) as listening:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def test_a_client_connects_answers_pings_and_wraps_what_it_sends_in_an_event() -> None:
    heard: list[str | bytes] = []

    async def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        heard.append(connection.request.path)
        for packet in ('0{"sid":"x"}', "2", '40{"sid":"y"}', '42["chat.message",{"n":2}]'):
            await connection.send(packet)
        heard.extend([await connection.recv() for _ in range(3)])
        await connection.send('42["chat.message",{"n":3}]')
        await connection.wait_closed()

    received: asyncio.Queue[bytes] = asyncio.Queue()
    client = SocketIOClient(7, lambda client, text: received.put_nowait(text))
    async with server(talk) as url:
        await client.open(url)
        client.send(b'{"n":1}')
        events = [await received.get() for _ in range(2)]
        assert client.transport is not None
        client.transport.disconnect()
    assert heard == [SocketIOClient.path, '40{"session":"bench-7"}', "3", '42["chat.message",{"n":1}]']
    assert events == [b'42["chat.message",{"n":2}]', b'42["chat.message",{"n":3}]']


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        ('44{"message":"no"}', "the server refused to connect"),
        ("1", "the server disconnected"),
        ("", "the server closed a socket with 1000"),
    ],
)
async def test_a_client_that_is_refused_reports_the_reason(packet: str, reason: str) -> None:
    async def talk(connection: ServerConnection) -> None:
        if packet:
            await connection.send(packet)

    client: Client = SocketIOClient(1, lambda client, text: None)
    async with server(talk) as url:
        with pytest.raises(ConnectionError, match=reason):
            await client.open(url)
