"""Whatever happens in whatever order, what a member gets is a gapless run of the stream.

Hypothesis chooses what is appended, who joins and leaves, which hints come late, twice or never, and when each read is
asked and answered. Half of the members are in the hub's session, whose hints come over the channel layer; the others
are in one whose hints and reads the machine deals out. For more examples: `--hypothesis-profile long`.
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
from doqchat.fanout import live, member, replay
from doqchat.fanout.live import LiveSession
from doqchat.protocol.ids import BEGINNING, order
from doqchat.store import keys
from tests.fanout import socket
from tests.fanout.conftest import BODY
from tests.fanout.follower import Follower
from tests.fanout.stepped_stream import SteppedStream

NUMBERS = st.integers(0, 5)
"""Numbers choose one of several, modulo how many there are."""

has_followers = precondition(lambda machine: machine.here)


def on_loop(step: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The step as a rule takes it: run by the machine's event loop."""

    @wraps(step)
    def run(machine: "HubMachine", **arguments: Any) -> None:
        machine.runner.run(step(machine, **arguments))

    return run


class HubMachine(RuleBasedStateMachine):
    """One session of the store, followed in two live sessions."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []
        self.followers: list[Follower] = []
        self._hints: list[dict[str, str]] = []
        self._sid = f"test-{uuid.uuid4().hex}"
        self.runner = asyncio.Runner()

    @property
    def here(self) -> list[Follower]:
        return [follower for follower in self.followers if follower.here]

    @initialize(before=NUMBERS, meanwhile=NUMBERS)
    @on_loop
    async def open(self, before: int, meanwhile: int) -> None:
        """Open both sessions; in one of them events come between the reading of its tail and the opening."""
        self._engine = Engine()
        self._stream = SteppedStream(self._engine.stream)
        self._dealt = LiveSession(self._sid, self._stream, asyncio.Semaphore(2), lambda: None)  # type: ignore[arg-type]
        self._keeper = socket.Socket()
        await self._append(before)
        self._hub = await self._engine.hub.enter(self._sid, self._keeper.member)
        tail = await self._engine.stream.tail(self._sid)
        await self._append(meanwhile)
        self._dealt.open(tail)

    @rule(count=NUMBERS)
    @on_loop
    async def append(self, count: int) -> None:
        """Store some events at once, each with a hint in time."""
        await self._append(count)

    @rule()
    @on_loop
    async def append_without_a_hint(self) -> None:
        """Store an event whose hint comes late, or never."""
        await self._append_silently()

    @precondition(lambda machine: machine.log)
    @rule(number=NUMBERS)
    @on_loop
    async def tell(self, number: int) -> None:
        """A hint of some event comes: late, out of order, or once more."""
        hint = self._hints[-1 - number % len(self._hints)]
        self._dealt.on_message(hint)
        await self._engine.layer.group_send(keys.group_name(self._sid), hint)

    @rule(through_hub=st.booleans())
    @on_loop
    async def join(self, through_hub: bool) -> None:
        session = self._hub if through_hub else self._dealt
        session.go_live(self._joined(session, session.last).socket.member)

    @rule(through_hub=st.booleans(), number=NUMBERS)
    @on_loop
    async def join_since(self, through_hub: bool, number: int) -> None:
        self._join_since(self._hub if through_hub else self._dealt, self._id(number))

    @has_followers
    @rule(number=NUMBERS)
    @on_loop
    async def sync(self, number: int) -> None:
        self._chosen(number).sync(self._id(number))

    @has_followers
    @rule(number=NUMBERS)
    @on_loop
    async def leave(self, number: int) -> None:
        self._chosen(number).leave()

    @has_followers
    @rule(number=NUMBERS)
    @on_loop
    async def stop_reading(self, number: int) -> None:
        self._chosen(number).socket.reads.clear()

    @has_followers
    @rule(number=NUMBERS)
    @on_loop
    async def read_again(self, number: int) -> None:
        self._chosen(number).socket.reads.set()

    @rule()
    @on_loop
    async def refill(self) -> None:
        """The subscription was made anew, or the beat has found a later tail."""
        self._dealt.refill()

    @rule(number=NUMBERS)
    @on_loop
    async def let_a_read_go_on(self, number: int) -> None:
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
        """Let everything come to rest, and check who has what."""
        with self.runner:
            if hasattr(self, "_hub"):
                self.runner.run(self._end())

    async def _end(self) -> None:
        try:
            await self._stream.open()
            await self._append_silently()  # a last event that nobody is told of
            for follower in self.followers:
                follower.socket.reads.set()
            for session in (self._hub, self._dealt):  # a replay of everything takes a session to that event
                self._join_since(session, BEGINNING)
            for follower in self.followers:
                await follower.check(self.log)
        finally:
            for follower in self.followers:
                follower.leave()
            self._dealt.close()
            await self._engine.hub.leave(self._hub, self._keeper.member)
            await self._engine.close()

    async def _append(self, count: int) -> None:
        calls = (self._engine.stream.append(self._sid, "A", BODY) for _ in range(count))
        for entry_id in sorted((one.id for one in await asyncio.gather(*calls)), key=order):
            self._dealt.on_message(self._noted(entry_id))

    async def _append_silently(self) -> None:
        commands = self._engine.shards.of(self._sid).commands
        self._noted(await commands.xadd(keys.stream(self._sid), {"participant": "A", "body": BODY}))

    def _join_since(self, session: LiveSession, since: str) -> None:
        session.replay(self._joined(session, since).socket.member, since, whole=True)

    def _joined(self, session: LiveSession, since: str) -> Follower:
        follower = Follower(session, since)
        session.members.add(follower.socket.member)
        self.followers.append(follower)
        return follower

    def _chosen(self, number: int) -> Follower:
        return self.here[number % len(self.here)]

    def _noted(self, entry_id: str) -> dict[str, str]:
        """The hint of an event that was stored."""
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
    """Pages, turns and outboxes so small that short courses fill them."""
    for module in (live, replay):
        monkeypatch.setattr(module, "PAGE", 3)
        monkeypatch.setattr(module, "FRAMES_A_TURN", 2)
    monkeypatch.setattr(member, "OUTBOX_BYTES", 8 * getsizeof(BODY))


@pytest.mark.timeout(600)  # which only the search for a simpler counterexample can take
def test_what_a_member_gets_is_a_gapless_run_of_the_stream(narrow: None, store_url: str) -> None:
    run_state_machine_as_test(HubMachine, settings=settings(stateful_step_count=60, deadline=None))
