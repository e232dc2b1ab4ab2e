"""The memory and the logs of the processes under attack."""

import asyncio
import time
from dataclasses import dataclass
from typing import NoReturn

import psutil

from tests.processes import Process

LOOK_EVERY = 0.25  # seconds
MIB = 2**20
TRACEBACK = "Traceback (most recent call last)"


class Memory:
    """Resident memory of a process, in MiB.

    Attributes:
        before: what it was when `begin` was called.
        most: the most since then.
        now: what it was when last looked at; 0 when the process has ended.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self.before = self.most = self.now = self.look()

    @property
    def growth(self) -> float:
        """The most that it had more than before."""
        return self.most - self.before

    def begin(self) -> None:
        """What is used now is what the process needs by itself."""
        self.before = self.most = self.look()

    def look(self) -> float:
        """Look now."""
        if not self._process.running:
            return 0.0
        return float(psutil.Process(self._process.pid).memory_info().rss / MIB)

    async def follow(self) -> NoReturn:
        """Look all the time."""
        while True:
            self.now = self.look()
            self.most = max(self.most, self.now)
            await asyncio.sleep(LOOK_EVERY)


class Busy:
    """How much of a core a process has used since it was looked at last, and since `begin`.

    Attributes:
        share: of a core, from `begin` to the last look.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self.begin()

    def begin(self) -> None:
        """Count from now."""
        self._begun = self._looked = self._read()
        self.share = 0.0

    def look(self) -> float:
        """The share of a core since the last look."""
        before, self._looked = self._looked, self._read()
        self.share = _share(self._begun, self._looked)
        return _share(before, self._looked)

    def _read(self) -> tuple[float, float]:
        """The moment, and the CPU seconds until then; those of a process that has ended no longer grow."""
        if not self._process.running:
            return time.monotonic(), self._looked[1]
        used = psutil.Process(self._process.pid).cpu_times()
        return time.monotonic(), used.user + used.system


def _share(before: tuple[float, float], after: tuple[float, float]) -> float:
    return (after[1] - before[1]) / (after[0] - before[0])


@dataclass(frozen=True)
class Logged:
    """How much a process has logged."""

    lines: int
    size: int
    tracebacks: int

    @classmethod
    def of(cls, process: Process) -> "Logged":
        """So far."""
        output = process.output
        return cls(output.count("\n"), len(output.encode()), output.count(TRACEBACK))

    def since(self, before: "Logged") -> "Logged":
        """What was added."""
        return Logged(self.lines - before.lines, self.size - before.size, self.tracebacks - before.tracebacks)
