"""The process of the attackers, as the run sees it."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from doqchat.serving.child import end_with_parent
from tests.attack.attacks.attack import Target
from tests.processes import ROOT


class Attackers:
    """The process of the attackers.

    Attributes:
        tallies: what it has reported last: by attack, `attempts` and `answers`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.tallies: dict[str, dict[str, Any]] = {name: {"attempts": 0, "answers": {}} for name in names}
        self._begun = asyncio.Event()
        self._each_tried = asyncio.Event()

    @asynccontextmanager
    async def attacking(self, target: Target) -> AsyncIterator[None]:
        """Attack to the end of the block, which begins with the attack. Raises RuntimeError when the process fails."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.attack.attacks", json.dumps(asdict(target)), *self.tallies),
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
            preexec_fn=partial(end_with_parent, os.getpid()),
        )
        listening = asyncio.create_task(self._listen(process))
        try:
            await self._begun.wait()
            yield
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await listening
            code = await process.wait()
        if code:
            raise RuntimeError(f"The attackers have failed with {code}.")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.tallies = json.loads(line)
            self._begun.set()
            if all(self.attempts.values()):
                self._each_tried.set()
        self._begun.set()  # the process has ended: do not wait for it
        self._each_tried.set()

    async def each_tried(self, within: float) -> None:
        """Wait until each attack has been tried, for at most `within` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._each_tried.wait()

    @property
    def attempts(self) -> dict[str, int]:
        """How often each attack was tried."""
        return {name: tally["attempts"] for name, tally in self.tallies.items()}

    @property
    def answers(self) -> dict[str, Counter[str]]:
        """How the server answered each."""
        return {name: Counter(tally["answers"]) for name, tally in self.tallies.items()}
