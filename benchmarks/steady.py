"""Steady traffic in a separate process, to be disturbed; records the latency of its messages.

`python -m benchmarks.steady URL WORKLOAD FILE`, the workload as JSON, prints a line when everybody is connected, and
writes the fields of `Steadiness` to the file at the end, as JSON.
"""

import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from benchmarks.clients import connect, raise_open_files_limit
from benchmarks.measurement import percentile_ms
from benchmarks.outcome import Outcome
from benchmarks.processes import ROOT
from benchmarks.traffic import LATE_WITHIN, TrafficRun
from benchmarks.workloads import Traffic

RUNNING = b"running\n"
Window = tuple[float, float]
"""A stretch of time, in seconds of time.perf_counter(), which the machine's processes share."""


@dataclass(frozen=True)
class Steadiness:
    """Every delivery: when its message was sent and how many seconds it took. `problem` says what was lost."""

    moments: list[float]
    latencies: list[float]
    problem: str

    def p99_ms(self, windows: Sequence[Window]) -> float:
        """The 99th of a hundred latencies, in milliseconds, of the messages that were sent in these windows."""
        latencies = (
            latency
            for moment, latency in zip(self.moments, self.latencies, strict=True)
            if any(begin <= moment <= end for begin, end in windows)
        )
        return percentile_ms(latencies, 99)

    def deliveries(self, windows: Sequence[Window]) -> int:
        """How many deliveries that is of."""
        return sum(any(begin <= moment <= end for begin, end in windows) for moment in self.moments)

    def outcomes(self, calm: Sequence[Window], disturbed: Sequence[Window], times_worse: float) -> Iterator[Outcome]:
        """Whether nothing was lost, and the p99 of disturbed windows is within the given multiple of the calm ones."""
        quiet, worst = self.p99_ms(calm), self.p99_ms(disturbed)
        text = f"p99 of the others {quiet:.1f} ms in calm ({self.deliveries(calm):,} deliveries), {worst:.1f} ms"
        text += f" meanwhile ({self.deliveries(disturbed):,}): {worst / (quiet or 1):.2f} times, target {times_worse:g}"
        yield Outcome.on(worst <= times_worse * quiet, text)
        if self.problem:
            yield Outcome(False, f"the steady traffic does not count: {self.problem}")


class Steady:
    """The traffic in a separate process."""

    def __init__(self, process: Process, file: Path) -> None:
        self._process = process
        self._file = file

    async def result(self) -> Steadiness:
        """Wait for the end of the workload; what came of it."""
        if await self._process.wait():
            raise RuntimeError("The steady traffic ended with an error.")
        return Steadiness(**json.loads(self._file.read_text(encoding="utf-8")))


@asynccontextmanager
async def under_way(url: str, workload: Traffic) -> AsyncIterator[Steady]:
    """Start the process; the block begins once messages flow."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "steadiness.json"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.steady", url, json.dumps(asdict(workload)), file),
            cwd=ROOT,
            stdout=PIPE,
        )
        assert process.stdout is not None
        if await process.stdout.readline() != RUNNING:
            raise RuntimeError("The steady traffic did not start.")
        yield Steady(process, file)


async def _run(url: str, workload: Traffic) -> Steadiness:
    run = TrafficRun(workload, 0, 0)
    await connect(run.everybody, url)
    await run.greet()
    await run.send(workload.warm_up, workload.rate)
    print(RUNNING.decode(), end="", flush=True)
    await run.send(workload.messages, workload.rate)
    await asyncio.sleep(LATE_WITHIN)
    deliveries = run.deliveries
    return Steadiness(list(deliveries.moments), list(deliveries.latencies), deliveries.problem() or run.refusal)


def main() -> None:
    raise_open_files_limit()
    url, workload, file = sys.argv[1:]
    steadiness = uvloop.run(_run(url, Traffic(**json.loads(workload))))
    Path(file).write_text(json.dumps(asdict(steadiness)), encoding="utf-8")


if __name__ == "__main__":
    main()
