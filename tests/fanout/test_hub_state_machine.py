"""Under any interleaving of events, each member receives a gapless run of the stream.

Hypothesis chooses what is appended, who joins and leaves, which hints are late, duplicated or lost, and when each read
is sent and answered. Half of the members are in the hub's session, whose hints come over the channel layer; the others
are in a session whose hints and reads the machine controls. For more examples: `--hypothesis-profile long`.
"""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from functools import wraps
from sys import getsizeof
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from doqchat.engine import Engine
from doqchat.fanout import local_session, member, replay
from doqchat.fanout.local_session import LocalSession
from doqchat.protocol.ids import BEGINNING, order
from doqchat.store import keys
from tests.fanout import socket
from tests.fanout.checked_member import CheckedMember
from tests.fanout.conftest import BODY
from tests.fanout.stepped_stream import SteppedStream

pytestmark = pytest.mark.slow

NUMBERS = st.integers(0, 5)
"""Numbers select an item, modulo the number of items."""

has_followers = precondition(lambda machine: machine.here)


def on_loop(step: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a step on the machine's event loop."""

    @wraps(step)
    def run(machine: "HubMachine", **arguments: Any) -> None:
        machine.runner.run(step(machine, **arguments))

    return run


class HubMachine(RuleBasedStateMachine):
    """One stored session, delivered in two local sessions."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []
        self.followers: list[CheckedMember] = []
        self._hints: list[dict[str, str]] = []
        self._sid = f"test-{uuid.uuid4().hex}"
        self.runner = asyncio.Runner()

    @property
    def here(self) -> list[CheckedMember]:
        return [follower for follower in self.followers if follower.here]

    @initialize(before=NUMBERS, meanwhile=NUMBERS)
    @on_loop
    async def open(self, before: int, meanwhile: int) -> None:
        """Open both sessions; in one of them events are appended between reading its tail and opening it."""
        self._engine = Engine()
        self._stream = SteppedStream(self._engine.stream)
        self._controlled = LocalSession(self._sid, self._stream, asyncio.Semaphore(2), lambda: None, set())  # type: ignore[arg-type]
        self._keeper = socket.Socket()
        await self._append(before)
        self._hub = await self._engine.hub.enter(self._sid, self._keeper.member)
        tail = await self._engine.stream.tail(self._sid)
        await self._append(meanwhile)
        self._controlled.open(tail)

    @rule(count=NUMBERS)
    @on_loop
    async def append(self, count: int) -> None:
        """Store events concurrently, each with a timely hint."""
        await self._append(count)

    @rule()
    @on_loop
    async def append_without_a_hint(self) -> None:
        """Store an event whose hint is late or lost."""
        await self._append_silently()

    @precondition(lambda machine: machine.log)
    @rule(number=NUMBERS)
    @on_loop
    async def deliver_hint(self, number: int) -> None:
        """Deliver a hint late, out of order or again."""
        hint = self._hints[-1 - number % len(self._hints)]
        self._controlled.on_message(hint)
        await self._engine.layer.group_send(keys.group_name(self._sid), hint)

    @rule(through_hub=st.booleans())
    @on_loop
    async def join(self, through_hub: bool) -> None:
        session = self._hub if through_hub else self._controlled
        session.go_live(self._joined(session, session.last).socket.member)

    @rule(through_hub=st.booleans(), number=NUMBERS)
    @on_loop
    async def join_since(self, through_hub: bool, number: int) -> None:
        self._join_since(self._hub if through_hub else self._controlled, self._id(number))

    @has_followers
    @rule(number=NUMBERS)
    @on_loop
    async def sync(self, number: int) -> None:
        self._selected(number).sync(self._id(number))

    @has_followers
    @rule(number=NUMBERS)
    @on_loop
    async def leave(self, number: int) -> None:
        self._selected(number).leave()

    @has_followers
    @rule(number=NUMBERS)
    @on_loop
    async def stop_reading(self, number: int) -> None:
        self._selected(number).socket.reads.clear()

    @has_followers
    @rule(number=NUMBERS)
    @on_loop
    async def read_again(self, number: int) -> None:
        self._selected(number).socket.reads.set()

    @rule()
    @on_loop
    async def refill(self) -> None:
        """Refill, as after a new subscription, or when the beat finds a later tail."""
        self._controlled.refill()

    @rule(number=NUMBERS)
    @on_loop
    async def step_a_read(self, number: int) -> None:
        await self._turn(5)
        await self._stream.step(number)
        await self._turn(5)

    @rule(number=NUMBERS)
    @on_loop
    async def fail_a_read(self, number: int) -> None:
        self._stream.fail(number)

    @rule(times=NUMBERS)
    @on_loop
    async def turn(self, times: int) -> None:
        await self._turn(times)

    def teardown(self) -> None:
        """Let all reads finish, and check what each member has received."""
        with self.runner:
            if hasattr(self, "_hub"):
                self.runner.run(self._end())

    async def _end(self) -> None:
        try:
            await self._stream.open()
            await self._append_silently()  # a last event without a hint
            for follower in self.followers:
                follower.socket.reads.set()
            for session in (self._hub, self._controlled):  # a full replay brings a session to that event
                self._join_since(session, BEGINNING)
            for follower in self.followers:
                await follower.check(self.log)
        finally:
            for follower in self.followers:
                follower.leave()
            self._controlled.close()
            await self._engine.hub.leave(self._hub, self._keeper.member)
            await self._engine.close()

    async def _append(self, count: int) -> None:
        calls = (self._engine.stream.append(self._sid, "A", BODY) for _ in range(count))
        for entry_id in sorted((one.id for one in await asyncio.gather(*calls)), key=order):
            self._controlled.on_message(self._recorded(entry_id))

    async def _append_silently(self) -> None:
        commands = self._engine.shards.of(self._sid).commands
        self._recorded(await commands.xadd(keys.stream(self._sid), {"participant": "A", "body": BODY}))

    def _join_since(self, session: LocalSession, since: str) -> None:
        session.replay(self._joined(session, since).socket.member, since, whole=True)

    def _joined(self, session: LocalSession, since: str) -> CheckedMember:
        follower = CheckedMember(session, since)
        session.members.add(follower.socket.member)
        self.followers.append(follower)
        return follower

    def _selected(self, number: int) -> CheckedMember:
        return self.here[number % len(self.here)]

    def _recorded(self, entry_id: str) -> dict[str, str]:
        """Record a stored event; returns its hint."""
        prev = self.log[-1] if self.log else BEGINNING
        self.log.append(entry_id)
        self._hints.append({"type": "session.entry", "id": entry_id, "prev": prev, "body": BODY})
        return self._hints[-1]

    def _id(self, number: int) -> str:
        return [BEGINNING, *self.log][-1 - number % (len(self.log) + 1)]

    async def _turn(self, times: int) -> None:
        for _ in range(times + 1):
            await asyncio.sleep(0)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pages, turns and outboxes so small that short runs fill them."""
    for module in (local_session, replay):
        monkeypatch.setattr(module, "PAGE", 3)
        monkeypatch.setattr(module, "FRAMES_A_TURN", 2)
    monkeypatch.setattr(member, "OUTBOX_BYTES", 8 * getsizeof(BODY))


@pytest.mark.timeout(600)  # only shrinking a counterexample takes long
def test_each_member_receives_a_gapless_run_of_the_stream(narrow: None, store_url: str) -> None:
    run_state_machine_as_test(HubMachine, settings=settings(stateful_step_count=60, deadline=None))
