"""Which stores `manage.py doqchat_up` takes, and what it says of them."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from doqchat.serving.start_report import answering, report
from doqchat.store.clients import place
from tests.processes import port_of, valkey
from tests.serving.commands import MANAGE, environment, running

pytestmark = pytest.mark.slow

UP = [*MANAGE, "doqchat_up"]
WITHIN = 30.0


async def said_of_a_server(tmp_path: Path, *options: str) -> str:
    """The line about a server that somebody else started with these options."""
    with valkey(tmp_path / "theirs", 0, *options) as theirs:
        return report("theirs", await answering(theirs.url, within=WITHIN))


async def test_the_embedded_store_survives_a_crash(tmp_path: Path) -> None:
    async with running(UP, environment(tmp_path)) as up:
        line = await up.line("store:")
    assert str(tmp_path) in line
    assert "what it acknowledges survives a crash" in line


async def test_a_durable_server_of_somebody_else(tmp_path: Path) -> None:
    assert "what it acknowledges survives a crash" in await said_of_a_server(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"), [("appendonly", "no"), ("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru")]
)
async def test_a_server_that_may_lose_what_it_acknowledged(name: str, value: str, tmp_path: Path) -> None:
    assert f"NOT durable ({name} {value})" in await said_of_a_server(tmp_path, f"--{name}", value)


async def test_a_server_that_keeps_its_settings_to_itself(tmp_path: Path) -> None:
    line = await said_of_a_server(tmp_path, "--rename-command", "CONFIG", "")
    assert "its durability could not be checked" in line


@pytest.mark.parametrize(
    "command", [["doqchat_web", "--server", "uvicorn"], ["doqchat_web", "--server", "daphne"], ["doqchat_llmworker"]]
)
async def test_a_separately_started_process_reports_its_store_and_models(command: list[str], tmp_path: Path) -> None:
    with valkey(tmp_path / "theirs", 0, "--maxmemory", "64mb") as theirs:
        async with running([*MANAGE, *command], environment(tmp_path, DOQCHAT_REDIS_URL=theirs.url)) as started:
            assert "memory limit: 64 MiB" in await started.line(f"store: 127.0.0.1:{port_of(theirs.url)},")
            assert "models: demo, default." in await started.line("models: ")
    assert ("web: http://localhost:" in started.lines[0]) == (command[0] == "doqchat_web")


async def test_every_shard_is_reported(tmp_path: Path) -> None:
    with valkey(tmp_path / "first") as first, valkey(tmp_path / "second", 0, "--appendonly", "no") as second:
        variables = environment(tmp_path, DOQCHAT_REDIS_URL=f"{first.url},{second.url}")
        async with running(UP, variables) as up:
            assert "survives a crash" in await up.line(f"store: 127.0.0.1:{port_of(first.url)},")
            assert "NOT durable" in await up.line(f"store: 127.0.0.1:{port_of(second.url)},")


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("redis://user:secret@db.example.org/0", "db.example.org:6379"),
        ("rediss://:secret@db.example.org:6380", "db.example.org:6380"),
        ("unix:///run/redis.sock?password=secret", "/run/redis.sock"),
    ],
)
def test_a_store_is_named_without_its_password(url: str, where: str) -> None:
    assert place(url) == where


async def test_a_store_left_over_on_our_data_is_replaced(tmp_path: Path) -> None:
    with valkey(tmp_path / "valkey") as left_over:
        async with Redis.from_url(left_over.url) as client:
            await client.set("written", "before it was left")
        port = str(port_of(left_over.url))
        async with running(UP, environment(tmp_path, DOQCHAT_REDIS_PORT=port)) as up:
            await up.line("ready: http")
            assert not left_over.process.running
            async with Redis.from_url(left_over.url) as client:
                assert await client.get("written") == b"before it was left"
