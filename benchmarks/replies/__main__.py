"""`python -m benchmarks.replies`: what doqchat adds to a model's answer on its way, alone and among 200 others.

Exit status 0 when every target is met, 1 when one is not, 130 after Ctrl-C.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from random import Random

import uvloop

from benchmarks.processes import ROOT
from benchmarks.replies.crowd import Crowd
from benchmarks.replies.direct import SDKS, Ask
from benchmarks.replies.probes import Cancels, Overhead, cancels, median, overhead
from benchmarks.replies.site import KEY, Site, site

PIECES_A_SECOND = 20
OVERHEAD_MS, CROWDED_OVERHEAD_MS, CLOSED_MS = 40, 60, 100
BEHIND_MS = 100
"""How late a piece may come, in the 99th of a hundred, when a worker is said to keep up; and how much later in the
last quarter of the replies than in the first, in the median: what falls behind comes later and later."""

BY_DEFAULT = ("gemini", "openai")
"""The legacy SDK reads each answer with a thread, and is not made for a crowd: it is measured when it is named."""

Line = tuple[bool | None, str]


class Run:
    """The measurements of one provider's backend."""

    def __init__(self, site: Site, alias: str, arguments: argparse.Namespace) -> None:
        self._site = site
        self._alias = alias
        self._alone: Ask = SDKS[alias](site.providers[alias], KEY)
        self._arguments = arguments

    async def lines(self) -> list[Line]:
        """Everything, and what it shows."""
        quiet = await overhead(self._site, self._alias, self._alone, self._arguments.probes)
        cancelled = await cancels(self._site, self._alias, self._arguments.cancels, Random(1))
        crowded, crowd, used = await self._crowded()
        replies = self._arguments.replies
        return [
            *_overhead("alone", quiet, OVERHEAD_MS),
            *_overhead(f"{replies} other active replies", crowded, CROWDED_OVERHEAD_MS),
            *_crowd(crowd, replies),
            (None, "CPU meanwhile: " + ", ".join(f"{name} {share:.0%}" for name, share in used.items())),
            (None, f"the worker used {used['worker'] / replies / PIECES_A_SECOND * 1e6:.0f} µs of CPU for each piece"),
            *_cancels(cancelled),
        ]

    async def _crowded(self) -> tuple[Overhead, Crowd, dict[str, float]]:
        """Overhead among many others, how those fared, and the share of a core that each process used meanwhile."""
        told = self._arguments
        crowd = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.replies.crowd", self._site.url, self._alias),
            *(str(told.replies), str(told.seconds * PIECES_A_SECOND), str(1 / PIECES_A_SECOND)),
            cwd=ROOT,
            stdout=PIPE,
        )
        assert crowd.stdout is not None
        if await crowd.stdout.readline() != b"running\n":
            raise RuntimeError("The crowd did not start.")
        began, before = time.monotonic(), self._site.used()
        found = await overhead(self._site, self._alias, self._alone, told.probes, told.seconds / 2)
        passed, after = time.monotonic() - began, self._site.used()
        still = crowd.returncode is None
        answer, _ = await crowd.communicate()
        if not still or not answer:
            raise RuntimeError("The crowd was gone before it was measured.")
        return found, Crowd(**json.loads(answer)), {name: (after[name] - before[name]) / passed for name in before}


def _overhead(when: str, it: Overhead, target: float) -> Iterator[Line]:
    through, alone = (median([pair[place] for pair in it.pairs]) * 1e3 for place in (0, 1))
    text = f"first piece, {when}: {through:.1f} ms, the SDK alone {alone:.1f} ms; doqchat adds {it.ms:.1f} ms"
    yield it.ms <= target, f"{text} in the median of {len(it.pairs)}, target {target} ms"


def _crowd(it: Crowd, replies: int) -> Iterator[Line]:
    text = f"{replies} replies at {PIECES_A_SECOND} pieces a second: {it.pieces:,} of {it.expected:,} pieces"
    lags = f"{it.p50_ms:.1f} ms after the provider's write in the median, {it.p99_ms:.1f} ms in the 99th percentile"
    drift = f"{it.early_ms:.1f} ms in the first quarter, {it.late_ms:.1f} ms in the last"
    kept_up = it.p99_ms <= BEHIND_MS and it.late_ms - it.early_ms <= BEHIND_MS
    yield it.pieces == it.expected and kept_up and not it.problem, f"{text}, {lags}; {drift} {it.problem}".rstrip()
    yield None, f"the provider itself was {it.provider_ms:.1f} ms behind its pace in the 99th percentile"


def _cancels(it: Cancels) -> Iterator[Line]:
    ended = it.ends == it.asked and it.jobs == 0
    yield ended, f"{it.asked} cancels: {it.ends} terminal events, {it.cancelled} of them cancelled, {it.jobs} jobs left"
    ms = [seconds * 1e3 for seconds in it.seconds]
    text = f"the provider's connection ended {median(ms):.1f} ms after the cancel's frame in the median of {len(ms)}"
    yield median(ms) <= CLOSED_MS, f"{text}, {max(ms):.1f} ms at most, target {CLOSED_MS} ms"


async def measure(arguments: argparse.Namespace) -> bool:
    """Measure each backend and print what it shows; whether all targets are met."""
    passed = True
    with site() as running:
        for alias in arguments.only or BY_DEFAULT:
            print(f"{alias}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
            for met, text in await Run(running, alias, arguments).lines():
                passed = passed and met is not False
                print(f"  {'        ' if met is None else 'pass    ' if met else 'NOT MET '}{text}", flush=True)
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replies", description=__doc__)
    parser.add_argument("--only", choices=sorted(SDKS), action="append", help="only this backend")
    parser.add_argument("--probes", type=int, default=50, help="first pieces that are timed (50)")
    parser.add_argument("--cancels", type=int, default=100, help="replies that are cancelled (100)")
    parser.add_argument("--replies", type=int, default=200, help="number of concurrent replies (200)")
    parser.add_argument("--seconds", type=int, default=30, help="that each of those takes (30)")
    try:
        return 0 if uvloop.run(measure(parser.parse_args())) else 1
    except KeyboardInterrupt:
        print("\nStopped; everything that was started has ended.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
