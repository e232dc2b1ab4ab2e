"""Starts all processes of doqchat, restarts those that die, and stops them in order."""

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from doqchat.serving import StartError
from doqchat.serving.child import Child
from doqchat.serving.listener import until_healthy
from doqchat.serving.notice import Notice
from doqchat.serving.shutdown import kill_seconds
from doqchat.serving.start_report import access, answering, models, report
from doqchat.serving.valkey import EmbeddedStore
from doqchat.store.clients import place

STORE_ANSWERS_WITHIN = 30.0


@dataclass(frozen=True)
class Plan:
    """What to run.

    `manage` starts the project's command line. The web processes accept from `listening`; `address` is the public URL,
    `host` a host name that the site serves. `embedded` is None for external stores. `notice` publishes the addresses to
    other commands.
    """

    manage: Sequence[str]
    listening: socket.socket
    address: str
    host: str
    web_workers: int
    llm_workers: int
    store_urls: Sequence[str]
    embedded: EmbeddedStore | None
    notice: Notice


class Supervisor:
    """Runs a plan until SIGINT, SIGTERM or SIGHUP; a second signal kills everything."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.say = say
        self.groups: list[list[Child]] = []
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Return when everything has exited. Raises StartError if a requirement is missing."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal)
        ending = asyncio.create_task(self._ending.wait())
        starting = asyncio.create_task(self._start())
        try:
            await asyncio.wait([starting, ending], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                await ending
        finally:
            starting.cancel()
            ending.cancel()
            await asyncio.wait([starting, ending])
            self.plan.notice.remove()
            for group in reversed(self.groups):
                await asyncio.gather(*(child.end(kill_seconds()) for child in group))

    def _on_signal(self) -> None:
        if self._ending.is_set():
            for child in chain.from_iterable(self.groups):
                child.kill()
        else:
            self.say("종료 중 / stopping")
        self._ending.set()

    async def _start(self) -> None:
        if self.plan.embedded:
            await self._start_store(self.plan.embedded)
        for url in self.plan.store_urls:
            where = f"{place(url)} ({self.plan.embedded.directory})" if self.plan.embedded else place(url)
            self.say(report(where, await answering(url, STORE_ANSWERS_WITHIN)))
        self.say(models())
        self.say(access())
        self.plan.notice.post(self.plan.store_urls, self.plan.address)
        descriptor = self.plan.listening.fileno()
        self._keep("llmworker", self.plan.llm_workers, "doqchat_llmworker")
        self._keep("web", self.plan.web_workers, "doqchat_web", "--fd", str(descriptor), pass_fds=[descriptor])
        await until_healthy(self.plan.listening, self.plan.host)
        self.say(f"doqchat 준비 완료 / ready: {self.plan.address}")

    async def _start_store(self, store: EmbeddedStore) -> None:
        await store.claim()
        child = Child("store", store.command(), self.say, why=store.why_it_ended, umask=0o077)
        self.groups.append([child])
        child.start()
        answer = asyncio.create_task(answering(store.url, None))  # loading a large file takes long
        death = asyncio.create_task(child.died.wait())
        try:
            await asyncio.wait([answer, death], return_when=asyncio.FIRST_COMPLETED)
        finally:
            answer.cancel()
            death.cancel()
        if child.died.is_set():
            raise StartError(
                f"내장 저장소가 시작되지 않습니다. {store.log}: {store.last_words()} / "
                f"The embedded store does not start, see {store.log}."
            )

    def _keep(self, name: str, count: int, *arguments: str, pass_fds: Sequence[int] = ()) -> None:
        command = [*self.plan.manage, *arguments, "--supervised", "--skip-checks"]
        group = [Child(f"{name} {number}", command, self.say, pass_fds) for number in range(1, count + 1)]
        self.groups.append(group)
        for child in group:
            child.start()
