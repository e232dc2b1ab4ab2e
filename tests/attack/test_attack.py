"""The short run, with every attack, on each server; and the end of a run that is interrupted."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import psutil
import pytest

from tests.attack import tables
from tests.attack.attacks.all import ATTACKS
from tests.attack.findings import missed
from tests.attack.full_store import fill
from tests.attack.run import Plan, Run
from tests.attack.site import site
from tests.processes import END_WITHIN, READY_WITHIN, ROOT

pytestmark = pytest.mark.slow

SHORT = Plan(list(ATTACKS), attack=3, calm=0.5, recovery=0.5)
SERVERS = pytest.mark.parametrize("server", ["uvicorn", "daphne"])


@SERVERS
@pytest.mark.timeout(240)
def test_all_attacks_at_once_do_not_affect_other_clients(server: str, tmp_path: Path) -> None:
    lines: list[str] = []
    with site(server, tmp_path) as running:
        found = asyncio.run(Run(server, running, SHORT, lines.append).findings())
        shown = "\n".join([*lines, tables.servers([found]), tables.attacks([found]), *missed(found)])
        shown += running.web.process.output[-10_000:]
    assert not found.failures, shown
    assert not found.problems.total(), shown
    assert all(found.attempts.values()), shown


@pytest.mark.timeout(240)
def test_a_full_store_refuses_messages_and_can_be_read() -> None:
    lines: list[str] = []
    assert fill("uvicorn", lines.append).missed() == [], lines


async def test_an_interrupted_run_ends_all_that_it_started() -> None:
    command = [sys.executable, "-m", "tests.attack", "--only", "churn", "--server", "uvicorn", "--calm", "0"]
    run = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)
    assert run.stdout is not None
    async with asyncio.timeout(3 * READY_WITHIN):
        while b"the attack begins" not in await run.stdout.readline():
            pass
        started = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        assert await run.wait() == 130
    assert len(started) >= 4
    _, left = psutil.wait_procs(started, timeout=END_WITHIN)
    assert left == []
