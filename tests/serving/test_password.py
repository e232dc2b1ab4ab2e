"""The embedded store with a password: everything works, and nobody gets to see it."""

import asyncio
from contextlib import suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from redis import AuthenticationError, Redis
from redis import ConnectionError as RedisConnectionError

from doqchat.serving.valkey import embedded_url
from tests.processes import completed, valkey
from tests.serving.commands import MANAGE, environment, running

pytestmark = pytest.mark.slow

PASSWORD = 'p ä:/@#?%"\\한글'
UP = [*MANAGE, "doqchat_up"]


def site(tmp_path: Path, **variables: str) -> dict[str, str]:
    own = {"DOQCHAT_REDIS_PASSWORD": PASSWORD, "DJANGO_SETTINGS_MODULE": "tests.serving.collected"}
    return environment(tmp_path, **own, **variables)


def logs(data: Path) -> list[str]:
    return [path.read_text(errors="replace") for path in data.rglob("*.log")]


def say(address: str) -> int:
    """Post a message; the status of the answer."""
    body = b'{"hd": {"event": "chat.message", "role": "A"}, "bd": {"text": "hi"}}'
    url = f"{address}api/chat/sessions/room/messages"
    with urlopen(Request(url, body, {"Content-Type": "application/json"})) as answer:
        return int(answer.status)


async def test_everything_works_with_a_password_that_is_never_shown_and_needed_after_a_crash(tmp_path: Path) -> None:
    variables = site(tmp_path, LLM_WORKERS="1")
    port = int(variables["DOQCHAT_REDIS_PORT"])
    async with running(UP, variables) as up:
        address = (await up.line("ready: http")).split()[-1]
        assert await asyncio.to_thread(say, address) == 201
        for command in (["doqchat_inspect", "room"], ["doqchat_smoke", "--url", f"ws{address[4:]}v1/session/chat"]):
            ran = completed([*MANAGE, *command], variables)
            assert (ran.returncode, ran.stderr) == (0, "")
        with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        command_lines = [" ".join(process.cmdline()) for process in up.family()]
        up.named("valkey-server").kill()
        await up.line("SIGKILL")
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(answers, port):  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.02)
        with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        written = await asyncio.to_thread(logs, tmp_path)
    for text in (*command_lines, *up.lines, *written):
        assert "한글" not in text
        assert "%ED%95%9C" not in text


def answers(port: int) -> bool:
    """Whether the store answers whoever has the password."""
    with Redis.from_url(embedded_url(port, PASSWORD)) as client, suppress(RedisConnectionError):
        return bool(client.ping())
    return False


async def test_a_store_that_was_left_without_a_password_is_replaced(tmp_path: Path) -> None:
    variables = site(tmp_path)
    port = int(variables["DOQCHAT_REDIS_PORT"])
    with valkey(tmp_path / "valkey", port) as left_over:
        async with running(UP, variables) as up:
            await up.line("ready: http")
            assert not left_over.process.running
            assert await asyncio.to_thread(answers, port)
