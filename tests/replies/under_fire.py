"""`python -m tests.replies.under_fire` kills workers under load and checks that each request is answered once.

The exit status is 0 if each request has ended once for all clients and all pieces match the stored text, otherwise 1.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import redis.asyncio
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from doqchat.store import keys
from tests import processes
from tests.client import Client
from tests.replies.conversation import ENDS
from tests.replies.report import Report, View, compare

WORKERS = 3
SHORTEST_CALM, LONGEST_CALM = 0.5, 2.0
"""Seconds between two kills."""

SETTLED_WITHIN = 90.0
"""Timeout for the last replies in seconds: leases must expire, and each reply may be delivered three times."""


@dataclass(frozen=True)
class Plan:
    """The size of a run.

    Attributes:
        requests: total number of requests.
        sessions: number of sessions; in each A sends and reads with the basic profile, and B reads with the full one.
        kills: number of workers to kill.
        seed: seed of prompts and kills.
    """

    requests: int
    sessions: int
    kills: int
    seed: int


class Speaker:
    """One session: A sends requests, and both roles read."""

    def __init__(self, sid: str, questions: int, random: Random) -> None:
        self.views = View(sid), View(sid)
        self._questions = questions
        self._random = random
        self._changed = asyncio.Condition()

    async def attend(self, web: processes.Web) -> None:
        """Send all requests, some while an earlier one is running, and wait for all answers."""
        async with self._joined(web, 0) as asking, self._joined(web, 1) as other:
            for number in range(self._questions):
                prompt = f"[[pieces={self._random.randint(40, 80)} pace=0.05]] {number}"
                await asking.send("llm.request", {"prompt": prompt})
                if self._random.random() < 0.5:
                    await self._until_answered(number + 1)
            await self._until_answered(self._questions)
            for client in (asking, other):
                await client.send("ping")
            async with self._changed:
                await self._changed.wait_for(lambda: all(view.is_over for view in self.views))

    @asynccontextmanager
    async def _joined(self, web: processes.Web, place: int) -> AsyncIterator[Client]:
        view = self.views[place]
        url = f"{web.ws}/v1/session/chat?sid={view.sid}&role={'AB'[place]}"
        subprotocols = [Subprotocol("doqchat.v1")] if place else None
        async with connect(url, subprotocols=subprotocols, compression=None, max_queue=None, proxy=None) as connection:
            client = Client(connection)
            reading = asyncio.create_task(self._read(client, view))
            try:
                yield client
            finally:
                reading.cancel()

    async def _read(self, client: Client, view: View) -> None:
        async for text in client.connection:
            view.add(text)
            async with self._changed:
                self._changed.notify_all()

    async def _until_answered(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: all(view.count(*ENDS) >= count for view in self.views))


class Fire:
    """Runs a plan.

    Args:
        plan: the size of the run.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._random = Random(plan.seed)
        self._workers: list[processes.Process] = []
        self._environment: dict[str, str] = {}
        shares = [plan.requests // plan.sessions + (n < plan.requests % plan.sessions) for n in range(plan.sessions)]
        self._speakers = [
            Speaker(f"fire-{number}", share, Random(f"{plan.seed} {number}")) for number, share in enumerate(shares)
        ]
        self.kills = 0

    async def run(self) -> Report:
        """Start all processes, kill workers while requests are sent, and return the report."""
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doqchat-fire-")))
            store = stack.enter_context(processes.valkey(folder / "valkey"))
            self._environment = {
                "DJANGO_SETTINGS_MODULE": "tests.replies.short_lease",
                "DOQCHAT_REDIS_URL": store.url,
                "DOQCHAT_DATA_DIR": str(folder),
                "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
                "GEMINI_API_KEY": "right-key",
                "GEMINI_BASE_URL": stack.enter_context(processes.gemini()),
            }
            processes.migrate(self._environment)
            web = stack.enter_context(processes.web(**self._environment))
            client = await stack.enter_async_context(redis.asyncio.Redis.from_url(store.url, decode_responses=True))
            with self._working():
                await self._talk(web, client)
            return await compare(client, [view for speaker in self._speakers for view in speaker.views])

    def _working(self) -> ExitStack:
        self._workers = [self._worker() for _ in range(WORKERS)]
        stack = ExitStack()
        stack.callback(lambda: [worker.end() for worker in self._workers])
        return stack

    def _worker(self) -> processes.Process:
        return processes.Process("llmworker", processes.manage("doqchat_llmworker"), self._environment)

    async def _talk(self, web: processes.Web, client: "redis.asyncio.Redis") -> None:
        attending = asyncio.gather(*(speaker.attend(web) for speaker in self._speakers))
        killing = asyncio.create_task(self._kill(client))
        await asyncio.wait([attending, killing], return_when=asyncio.FIRST_COMPLETED)
        if killing.done():
            killing.result()
        killing.cancel()
        with suppress(TimeoutError):  # the report lists what is missing
            async with asyncio.timeout(SETTLED_WITHIN):
                await attending

    async def _kill(self, client: "redis.asyncio.Redis") -> None:
        """Repeatedly kill and replace a random worker while several are ready."""
        while self.kills < self._plan.kills:
            await asyncio.sleep(self._random.uniform(SHORTEST_CALM, LONGEST_CALM))
            ready = await self._ready(client)
            if len(ready) > 1:
                killed = self._random.choice(ready)
                killed.kill()
                self._workers[self._workers.index(killed)] = self._worker()
                self.kills += 1

    async def _ready(self, client: "redis.asyncio.Redis") -> list[processes.Process]:
        """The workers that take jobs, found by the process ids in their names."""
        names = await client.zrange(keys.workers("default"), 0, -1)
        return [worker for worker in self._workers if any(f"-{worker.pid}-" in name for name in names)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.replies.under_fire", description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="total number of requests (200)")
    parser.add_argument("--sessions", type=int, default=50, help="number of sessions, with two clients each (50)")
    parser.add_argument("--kills", type=int, default=20, help="number of workers to kill (20)")
    parser.add_argument("--seed", type=int, default=1, help="seed of prompts and kills (1)")
    fire = Fire(Plan(**vars(parser.parse_args())))
    started = time.monotonic()
    report = asyncio.run(fire.run())
    sys.stdout.write(f"{fire.kills} workers killed; {time.monotonic() - started:.0f} s\n{report.text}\n")
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
