"""The short run, with every kind of fault, and the end of a run that is interrupted."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE

import psutil
import pytest

from tests.chaos import faults, storm
from tests.chaos.faults import FAULTS
from tests.chaos.storm import Plan, Storm
from tests.processes import END_WITHIN, READY_WITHIN, ROOT

pytestmark = pytest.mark.slow

SHORT = Plan(messages=400, faults=len(FAULTS), seconds=80, sessions=8, seed=2)


@pytest.mark.timeout(240)
async def test_faults_of_all_kinds_lose_double_and_disorder_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("SHORTEST_CALM", 0.2), ("LONGEST_CALM", 0.6), ("FAULT_TAKES", 2.0)):
        monkeypatch.setattr(storm, name, seconds)
    for name, seconds in (
        ("LONGEST_ABSENCE", 1.0),
        ("DELAYED_FOR", 1.5),
        ("LONGEST_LOCK", 2.0),
        ("KILLED_FOR", 1.0),
        ("DATABASE_AWAY", 1.0),
    ):
        monkeypatch.setattr(faults, name, seconds)
    lines: list[str] = []
    report = await Storm(SHORT, lines.append).run()
    assert report.passed, "\n".join([*lines, report.tables(), *report.details])
    assert set(FAULTS) <= set(report.phases)
    assert report.total("acknowledged") >= SHORT.messages / 2


async def test_an_interrupted_run_ends_all_that_it_started() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--sessions", "2"]
    run = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)
    assert run.stdout is not None
    async with asyncio.timeout(2 * READY_WITHIN):
        while b"fault  1" not in await run.stdout.readline():
            pass
        started = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        assert await run.wait() == 130
    assert len(started) >= 3
    _, left = psutil.wait_procs(started, timeout=END_WITHIN)
    assert left == []
