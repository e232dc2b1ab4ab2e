"""`manage.py doqchat_up`: what starts, what starts again, and what is left when it ends."""

import asyncio
import json
import os
import shlex
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.serving.commands import MANAGE, Command, environment, running

pytestmark = pytest.mark.slow

UP = [*MANAGE, "doqchat_up"]
READY = "ready: http"


async def answer(up: Command) -> dict[str, Any]:
    """What the site answers at the address that was printed."""
    address = (await up.line(READY)).split()[-1]

    def get() -> bytes:
        with urllib.request.urlopen(address) as response:
            return bytes(response.read())

    state: dict[str, Any] = json.loads(await asyncio.to_thread(get))
    return state


@pytest.mark.parametrize(("number", "webs", "workers"), [(signal.SIGINT, 2, 1), (signal.SIGTERM, 1, 0)])
async def test_a_signal_ends_everything_with_exit_code_0(
    number: signal.Signals, webs: int, workers: int, tmp_path: Path
) -> None:
    async with running(UP, environment(tmp_path, WEB_WORKERS=str(webs), LLM_WORKERS=str(workers))) as up:
        await up.line(READY)
        family = up.family()
        up.process.send_signal(number)
        assert await up.end() == 0
    assert len(family) == len(["up", "store"]) + webs + workers
    assert not any(process.is_running() for process in family)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_a_signal_while_it_starts_ends_everything_with_exit_code_0(
    number: signal.Signals, tmp_path: Path
) -> None:
    async with running(UP, environment(tmp_path)) as up:
        await up.line("store:")
        up.process.send_signal(number)
        assert await up.end() == 0


async def test_a_killed_supervisor_leaves_no_process(tmp_path: Path) -> None:
    async with running(UP, environment(tmp_path)) as up:
        await up.line(READY)
        up.process.kill()
        assert await up.end() == -signal.SIGKILL


@pytest.mark.parametrize("started", ["database", READY])
async def test_a_killed_parent_leaves_no_process(started: str, tmp_path: Path) -> None:
    shell = ["sh", "-c", f"{shlex.join(UP)} --end-with-parent $$; true"]
    async with running(shell, environment(tmp_path)) as parent:
        await parent.line(started)
        parent.process.kill()
        assert await parent.end() == -signal.SIGKILL


async def test_up_refuses_a_parent_that_has_exited(tmp_path: Path) -> None:
    async with running([*UP, "--end-with-parent", "1"], environment(tmp_path)) as up:
        assert await up.end() == 1
    assert "has exited" in up.lines[-1]


async def test_a_process_that_dies_is_restarted_and_logged(tmp_path: Path) -> None:
    async with running(UP, environment(tmp_path, LLM_WORKERS="1")) as up:
        first = (await answer(up))["pid"]
        assert READY in up.lines[-1]
        assert first == up.named(" doqchat_web ").pid
        os.kill(first, signal.SIGKILL)
        assert "SIGKILL" in await up.line("web 1 exited")
        assert (await answer(up))["pid"] != first
        up.named("doqchat_llmworker").kill()
        assert "SIGKILL" in await up.line("llmworker 1 exited")


async def test_the_restart_delay_grows_for_a_process_that_keeps_dying(tmp_path: Path) -> None:
    async with running(UP, environment(tmp_path, TEST_APPLICATION="missing")) as up:
        await up.line("exit code 1); restarting in 0.2 s")
        await up.line("exit code 1); restarting in 0.4 s")


async def test_a_second_signal_ends_at_once_what_does_not_listen(tmp_path: Path) -> None:
    async with running(UP, environment(tmp_path, TEST_SHUTDOWN_SECONDS="3600")) as up:
        await up.line(READY)
        up.named(" doqchat_web ").suspend()
        up.process.send_signal(signal.SIGINT)
        await up.line("stopping")
        up.process.send_signal(signal.SIGINT)
        assert await up.end() == 0


async def test_what_does_not_listen_to_the_first_signal_is_killed_in_the_end(tmp_path: Path) -> None:
    async with running(UP, environment(tmp_path, TEST_SHUTDOWN_SECONDS="1")) as up:
        await up.line(READY)
        up.named(" doqchat_web ").suspend()
        up.process.send_signal(signal.SIGINT)
        assert await up.end() == 0


async def test_what_the_store_acknowledged_survives_its_death_and_that_of_everything(tmp_path: Path) -> None:
    variables = environment(tmp_path)
    port = int(variables["DOQCHAT_REDIS_PORT"])
    async with running(UP, variables) as up:
        await up.line(READY)
        with Redis(port=port) as store:
            store.set("written", "before the store died")
        up.named("valkey-server").kill()
        assert "store" in await up.line("SIGKILL")
        with Redis(port=port, decode_responses=True) as store:
            assert store.get("written") == "before the store died"
            store.set("written", "before everything was killed")
        for process in up.family():
            process.kill()
        await up.end()
    async with running(UP, variables) as up:
        await up.line(READY)
        with Redis(port=port, decode_responses=True) as store:
            assert store.get("written") == "before everything was killed"
