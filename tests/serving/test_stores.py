"""Which stores `manage.py up` takes, and what it says of them."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from doqchat.serving.valkey import EmbeddedStore
from tests.serving.commands import MANAGE, environment, free_port, running

UP = [*MANAGE, "up"]


@contextmanager
def store(directory: Path, *settings: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server that somebody else started, with its data in `directory`: its port and its process."""
    directory.mkdir(parents=True)
    port = free_port()
    server = EmbeddedStore(directory, port)
    process = subprocess.Popen([*server.command(), *settings], stdout=subprocess.DEVNULL)
    try:
        yield port, process
    finally:
        process.kill()
        process.wait()


async def said(tmp_path: Path, port: int) -> str:
    """The line about the store at this port."""
    variables = environment(tmp_path, DOQCHAT_REDIS_URL=f"redis://:secret@127.0.0.1:{port}/0")
    async with running(UP, variables) as up:
        return await up.line("store:")


async def test_the_embedded_store_survives_a_crash(tmp_path: Path) -> None:
    async with running(UP, environment(tmp_path)) as up:
        line = await up.line("store:")
    assert str(tmp_path) in line
    assert "what it acknowledges survives a crash" in line


async def test_a_durable_server_of_somebody_else(tmp_path: Path) -> None:
    with store(tmp_path / "theirs", "--requirepass", "secret") as (port, _):
        line = await said(tmp_path, port)
    assert f"127.0.0.1:{port}, Valkey" in line
    assert "what it acknowledges survives a crash" in line
    assert "secret" not in line


@pytest.mark.parametrize(
    "setting", [("appendonly", "no"), ("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru")]
)
async def test_a_server_that_may_lose_what_it_acknowledged(setting: tuple[str, str], tmp_path: Path) -> None:
    name, value = setting
    with store(tmp_path / "theirs", "--requirepass", "secret", f"--{name}", value) as (port, _):
        assert f"NOT durable ({name} {value})" in await said(tmp_path, port)


async def test_a_server_that_keeps_its_settings_to_itself(tmp_path: Path) -> None:
    with store(tmp_path / "theirs", "--requirepass", "secret", "--rename-command", "CONFIG", "") as (port, _):
        assert "whether it survives a crash could not be checked" in await said(tmp_path, port)


async def test_a_store_left_over_on_our_data_is_replaced(tmp_path: Path) -> None:
    with store(tmp_path / "valkey") as (port, left_over):
        async with Redis(port=port, retry=Retry(ConstantBackoff(0.05), 100)) as client:
            await client.set("written", "before it was left")
        async with running(UP, environment(tmp_path, DOQCHAT_REDIS_PORT=str(port))) as up:
            await up.line("ready: http")
            assert await asyncio.to_thread(left_over.wait) == 0
            assert up.named("valkey-server").pid != left_over.pid
            async with Redis(port=port, decode_responses=True) as client:
                assert await client.get("written") == "before it was left"
