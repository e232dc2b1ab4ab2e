"""What `manage.py doqchat_up` says when it cannot have what it needs: one sentence and exit code 1."""

import socket
from pathlib import Path

import pytest

from tests.serving.commands import MANAGE, environment, running

pytestmark = pytest.mark.slow

UP = [*MANAGE, "doqchat_up"]


async def refusal(variables: dict[str, str]) -> str:
    """The one line that it ends with."""
    async with running(UP, variables) as up:
        assert await up.end() == 1
    assert not any("Traceback" in line for line in up.lines)
    return up.lines[-1]


async def test_a_taken_web_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = await refusal(environment(tmp_path, PORT=port))
    assert f"Port {port} is in use by another program: choose another" in line


async def test_a_host_that_is_not_ours(tmp_path: Path) -> None:
    assert "Cannot listen on HOST=192.0.2.1" in await refusal(environment(tmp_path, HOST="192.0.2.1"))


async def test_a_store_port_in_use_by_another_program(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = await refusal(environment(tmp_path, DOQCHAT_REDIS_PORT=port))
    assert f"Port {port} of the embedded store is in use" in line
    assert "DOQCHAT_REDIS_PORT" in line


async def test_data_or_a_store_port_that_another_doqchat_uses(tmp_path: Path) -> None:
    first, second = environment(tmp_path / "first"), environment(tmp_path / "second")
    async with running(UP, first) as up:
        await up.line("ready: http")
        store = up.named("valkey-server")
        line = await refusal(second | {"DOQCHAT_REDIS_PORT": first["DOQCHAT_REDIS_PORT"]})
        assert "is in use by another program" in line
        assert "Another doqchat is using" in await refusal(environment(tmp_path / "first"))
        assert store.is_running()


async def test_data_that_the_store_cannot_read(tmp_path: Path) -> None:
    files = tmp_path / "valkey" / "appendonlydir"
    files.mkdir(parents=True)
    (files / "appendonly.aof.manifest").write_text("not a manifest\n")
    assert "The embedded store does not start" in await refusal(environment(tmp_path))


async def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    line = await refusal(environment(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/missing/db.sqlite3"))
    assert "The database cannot be used, check DATABASE_URL" in line
