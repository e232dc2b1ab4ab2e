"""`python -m tests.access.refreshing`: sockets replace their tokens with `auth.refresh` while messages are sent.

Each socket begins with a token that expires during the run, and replaces it at a random moment before. Exit status 0
if none was closed, and each got every message of its session once, in order; 1 otherwise.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import uvloop

from benchmarks.clients import Client, connect, raise_open_files_limit
from tests import processes
from tests.access.credentials import SHARED, token

WITHIN = 10.0
"""Seconds in which the last deliveries must arrive."""

MARGIN = 1.5
"""Seconds before the end of a token, which is given in whole seconds, at which its socket refreshes at the latest."""


@dataclass(frozen=True)
class Plan:
    """What is done.

    Attributes:
        sockets: how many, over all sessions.
        sessions: how many they are spread over.
        seconds: in which all of them connect and refresh; the tokens expire at its end.
        after: further seconds in which messages are sent; only the new tokens are valid then.
        rate: messages a second, over all sessions.
    """

    sockets: int = 1_000
    sessions: int = 10
    seconds: float = 60.0
    after: float = 10.0
    rate: float = 20.0


class Refreshing(Client):
    """A socket that refreshes once, and keeps the numbers of the messages that it receives."""

    def __init__(self, session: int, number: int, expires: float) -> None:
        super().__init__(session, lambda client, text: self._on_text(text))
        self.received: list[int] = []
        self.heard = asyncio.Event()
        self.refreshed = False
        self.refusals: list[str] = []
        self._sid, self._subject = f"bench-{session}", f"u-{number}"
        presented = token(self._sid, "A", sub=self._subject, exp=int(expires))
        self.headers = {"Authorization": f"Bearer {presented}", "Sec-WebSocket-Protocol": "doqchat.v1"}

    def refresh(self) -> None:
        """Send a new token."""
        self.send(_frame("auth.refresh", {"token": token(self._sid, "A", sub=self._subject)}))

    def say(self, number: int) -> None:
        """Send a message with this number."""
        self.send(_frame("chat.message", {"text": str(number)}))

    def _on_text(self, text: bytes) -> None:
        frame = json.loads(text)
        self.heard.set()
        match frame["hd"]["event"]:
            case "chat.message":
                self.received.append(int(frame["bd"]["text"]))
            case "auth.refreshed":
                self.refreshed = True
            case "error":
                self.refusals.append(frame["bd"]["code"])


class Run:
    """One run against a server.

    Args:
        url: the server's, for sockets.
        plan: what is done.
    """

    def __init__(self, url: str, plan: Plan) -> None:
        self._url = url
        self._plan = plan
        self.sockets: list[Refreshing] = []
        self._sent: list[list[int]] = [[] for _ in range(plan.sessions)]
        self._random = Random(1)
        self._closed = 0

    async def faults(self) -> list[str]:
        """Run it; what went wrong."""
        plan = self._plan
        expires = time.time() + plan.seconds
        self.sockets = [Refreshing(number % plan.sessions, number, expires) for number in range(plan.sockets)]
        await connect(self.sockets, self._url)
        async with asyncio.TaskGroup() as group:
            left = expires - time.time()
            group.create_task(self._talk(left + plan.after))
            for socket in self.sockets:
                group.create_task(self._refresh(socket, self._random.uniform(0, left - MARGIN)))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(self._complete(socket) for socket in self.sockets)), WITHIN)
        self._closed = sum(bool(socket.closed) for socket in self.sockets)
        faults = list(self._faults())
        for socket in self.sockets:
            if socket.transport is not None:
                socket.transport.disconnect()
                await socket.transport.wait_disconnected()
        return faults

    async def _talk(self, seconds: float) -> None:
        """Send numbered messages to the sessions in turn, at an even pace; one socket of each sends all of them."""
        begun, number = time.monotonic(), 0
        while (due := begun + number / self._plan.rate) < begun + seconds:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            session = number % self._plan.sessions
            self.sockets[session].say(number)
            self._sent[session].append(number)
            number += 1

    async def _refresh(self, socket: Refreshing, after: float) -> None:
        await asyncio.sleep(after)
        socket.refresh()

    async def _complete(self, socket: Refreshing) -> None:
        """Wait for as many messages as were sent to the session of a socket."""
        while len(socket.received) < len(self._sent[socket.session]):
            socket.heard.clear()
            await socket.heard.wait()

    def _faults(self) -> Iterator[str]:
        for number, socket in enumerate(self.sockets):
            if socket.closed:
                yield f"socket {number}: {socket.closed}"
            elif not socket.refreshed or socket.refusals:
                yield f"socket {number}: refreshed {socket.refreshed}, refused {socket.refusals}"
            if socket.received != self._sent[socket.session]:
                sent, received = len(self._sent[socket.session]), len(socket.received)
                yield f"socket {number}: {received} of {sent} messages, or in another order"

    def summary(self) -> str:
        """What was done."""
        refreshed = sum(socket.refreshed for socket in self.sockets)
        received, sent = sum(len(socket.received) for socket in self.sockets), sum(map(len, self._sent))
        sockets = f"{refreshed:,} of {len(self.sockets):,} sockets refreshed, {self._closed} closed"
        return f"{sockets}; {sent:,} messages, {received:,} deliveries"


def _frame(event: str, bd: dict[str, str]) -> bytes:
    return json.dumps({"hd": {"event": event}, "bd": bd}).encode()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.access.refreshing", description=__doc__)
    parser.add_argument("--sockets", type=int, default=Plan.sockets)
    parser.add_argument("--sessions", type=int, default=Plan.sessions)
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="in which all refresh (60)")
    parser.add_argument("--server", choices=("uvicorn", "daphne"), default="uvicorn")
    arguments = parser.parse_args()
    raise_open_files_limit()
    plan = Plan(arguments.sockets, arguments.sessions, arguments.seconds)
    with tempfile.TemporaryDirectory(prefix="doqchat-refreshing-") as folder, processes.valkey(Path(folder)) as store:
        access = {"DOQCHAT_ACCESS": "token", "DOQCHAT_TOKEN_KEY": SHARED, "DOQCHAT_REDIS_URL": store.url}
        files = {"DOQCHAT_DATA_DIR": folder, "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3"}
        environment = {**files, **access, "SECRET_KEY": "for tests alone"}
        processes.migrate(environment)
        with processes.web(arguments.server, **environment) as web:
            run = Run(web.ws, plan)
            faults = uvloop.run(run.faults())
    lines = [f"{arguments.server}: {run.summary()}", *faults[:20], "FAILED" if faults else "pass"]
    sys.stdout.write("\n".join([*lines, ""]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
