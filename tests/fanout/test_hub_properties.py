"""Whatever happens in whatever order, what a member gets is a gapless run of the stream.

Each example is a random walk over a live session on the shared store: what is appended, who joins and leaves, which
hints come late, twice or never, and when each of the session's reads is asked and answered.
"""

import asyncio
import json
import uuid
from sys import getsizeof
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doqchat.engine import Engine
from doqchat.errors import Unavailable
from doqchat.fanout import live, member, replay
from doqchat.fanout.live import LiveSession
from doqchat.protocol.ids import BEGINNING
from doqchat.store import keys
from doqchat.store.stream import Entry, SessionStream
from tests.fanout import socket
from tests.fanout.conftest import BODY
from tests.fanout.socket import Socket

END, WELCOME = '{"hd":{"id":"end"}}', '{"hd":{"id":"welcome"}}'


class Read:
    """One read of the session, which is asked and answered when the walk says so."""

    def __init__(self, sid: str, after: str, count: int) -> None:
        self.asked = sid, after, count
        self.page: list[Entry] | None = None
        self.answer: asyncio.Future[list[Entry]] = asyncio.get_running_loop().create_future()


class SteppedStream:
    """A session's stream whose reads wait before the store is asked, and again before the answer is told."""

    def __init__(self, stream: SessionStream) -> None:
        self._stream = stream
        self._reads: list[Read] = []
        self._stepped = True

    async def read(self, sid: str, after: str, count: int) -> list[Entry]:
        if not self._stepped:
            return await self._stream.read(sid, after, count)
        self._reads.append(Read(sid, after, count))
        return await self._reads[-1].answer

    async def step(self, number: int) -> None:
        """Let one of the reads ask, or have its answer."""
        if read := self._waiting(number):
            if read.page is None:
                read.page = await self._stream.read(*read.asked)
            else:
                read.answer.set_result(read.page)

    def fail(self, number: int) -> None:
        """Tell one of the reads that the store is away."""
        if read := self._waiting(number):
            read.answer.set_exception(Unavailable("The store is away."))

    async def open(self) -> None:
        """Hold up no read any more."""
        self._stepped = False
        while self._waiting(0):
            await self.step(0)

    def _waiting(self, number: int) -> Read | None:
        waiting = [read for read in self._reads if not read.answer.done()]
        return waiting[number % len(waiting)] if waiting else None


class Follower:
    """A member, and the ids after which what it gets has to go on: where it joined, and what it asked for since."""

    def __init__(self, since: str) -> None:
        self.socket = Socket()
        self.socket.member.release()
        self.starts = [since]

    async def written(self, last: str) -> list[Any]:
        """All frames that were written, to the last event and beyond while the member is not closed."""
        if self.socket.member.closed:
            return [json.loads(text) for text in self.socket.written()]
        frames = await self.socket.frames_to(last)
        self.socket.member.push(END)
        return frames + (await self.socket.frames_to("end"))[:-1]

    def check(self, frames: list[Any], log: list[str]) -> None:
        """The frames are a run of the log from where it joined, and after each welcome one from what it asked for."""
        runs: list[list[Any]] = [[]]
        for frame in frames:
            if frame["hd"]["id"] == "welcome":
                runs.append([])
            else:
                runs[-1].append((frame["hd"]["prev"], frame["hd"]["id"]))
        links = list(zip([BEGINNING, *log], log, strict=False))
        for start, run in zip(self.starts, runs, strict=False):
            first = log.index(start) + 1 if start in log else 0
            assert run == links[first : first + len(run)], f"After {start} of the log {log} came {run}."
        assert self.socket.member.closed or (len(runs), runs[-1][-1:]) == (len(self.starts), links[-1:])


class Walk:
    """A live session, and every step that a walk can take. Numbers choose, modulo how many there are."""

    def __init__(self, sid: str, engine: Engine, store: "redis.Redis") -> None:
        self.log: list[str] = []
        self.followers: list[Follower] = []
        self._sid = sid
        self._engine = engine
        self._store = store
        self._stream = SteppedStream(engine.stream)
        self._session = LiveSession(sid, self._stream, asyncio.Semaphore(2), lambda: None)  # type: ignore[arg-type]
        self._hints: list[dict[str, str]] = []

    async def begin(self, before: int, meanwhile: int) -> None:
        """Open the session, with so many events before its tail is read, and so many between that and the opening."""
        await self.append(before)
        tail = await self._engine.stream.tail(self._sid)
        await self.append(meanwhile)
        self._session.open(tail)

    async def append(self, count: int) -> None:
        """Store some events, each with a hint in time."""
        for _ in range(count):
            self._session.on_message(self._stored())

    async def append_untold(self, count: int) -> None:
        """Store some events whose hints come late, or never."""
        for _ in range(count):
            self._stored()

    async def tell(self, number: int) -> None:
        """A hint of some event comes: late, out of order, or once more."""
        if self._hints:
            self._session.on_message(self._hints[-1 - number % len(self._hints)])

    async def join(self, _: int) -> None:
        follower = Follower(self._session.last)
        self.followers.append(follower)
        self._session.members.add(follower.socket.member)
        self._session.go_live(follower.socket.member)

    async def join_since(self, number: int) -> None:
        self._join_since(self._id_near_the_end(number))

    def _join_since(self, since: str) -> None:
        follower = Follower(since)
        self.followers.append(follower)
        self._session.members.add(follower.socket.member)
        self._session.replay(follower.socket.member, since, whole=True)

    async def sync(self, number: int) -> None:
        """A member asks for a replay on its open connection, as a `session.sync` does."""
        if follower := self._chosen(number):
            since = self._id_near_the_end(number)
            follower.starts.append(since)
            follower.socket.member.push(WELCOME)
            self._session.replay(follower.socket.member, since, whole=True)

    async def leave(self, number: int) -> None:
        if follower := self._chosen(number):
            follower.socket.member.close()
            self._session.leave(follower.socket.member)

    async def stop_reading(self, number: int) -> None:
        if follower := self._chosen(number):
            follower.socket.reads.clear()

    async def read_again(self, number: int) -> None:
        if follower := self._chosen(number):
            follower.socket.reads.set()

    async def refill(self, _: int) -> None:
        """The subscription was made anew, or the beat has found a later tail."""
        self._session.refill()

    async def let_read_go_on(self, number: int) -> None:
        await self.turn(5)
        await self._stream.step(number)
        await self.turn(5)

    async def fail_read(self, number: int) -> None:
        self._stream.fail(number)

    async def turn(self, times: int) -> None:
        for _ in range(times + 1):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Let everything come to rest, after a last event that nobody is told of, and check who has what."""
        await self._stream.open()
        self._stored()
        for follower in self.followers:
            follower.socket.reads.set()
        self._join_since(BEGINNING)  # a replay of everything, which takes the session to the last event
        for follower in self.followers:
            follower.check(await follower.written(self.log[-1]), self.log)

    async def close(self) -> None:
        """Stop what still runs."""
        for follower in self.followers:
            self._session.leave(follower.socket.member)
        self._session.close()

    def _chosen(self, number: int) -> Follower | None:
        here = [follower for follower in self.followers if not follower.socket.member.closed]
        return here[number % len(here)] if here else None

    def _id_near_the_end(self, number: int) -> str:
        return [BEGINNING, *self.log][-1 - number % (len(self.log) + 1)]

    def _stored(self) -> dict[str, str]:
        """Store an event; the hint of it."""
        prev = self.log[-1] if self.log else BEGINNING
        self.log.append(str(self._store.xadd(keys.stream(self._sid), {"participant": "A", "body": BODY})))
        self._hints.append({"type": "session.entry", "id": self.log[-1], "prev": prev, "body": BODY})
        return self._hints[-1]


STEPS = [
    Walk.append_untold, Walk.tell, Walk.join, Walk.join_since, Walk.sync, Walk.leave,
    Walk.stop_reading, Walk.read_again, Walk.refill, Walk.fail_read,
    *[Walk.append, Walk.turn] * 3, *[Walk.let_read_go_on] * 5,
]  # fmt: skip
NUMBERS = st.integers(0, 5)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages, turns and outboxes so small that short walks fill them."""
    for module in (live, replay):
        monkeypatch.setattr(module, "PAGE", 3)
        monkeypatch.setattr(module, "FRAMES_A_TURN", 2)
    monkeypatch.setattr(member, "OUTBOX_BYTES", 8 * getsizeof(BODY))
    monkeypatch.setattr(socket, "WITHIN", 5.0)


@pytest.mark.timeout(600)  # which only the search for a simpler counterexample can take
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    opening=st.tuples(NUMBERS, NUMBERS),
    steps=st.lists(st.tuples(st.sampled_from(STEPS), NUMBERS), min_size=20, max_size=100),
)
async def test_what_a_member_gets_is_a_gapless_run_of_the_stream(
    narrow: None, engine: Engine, store: "redis.Redis", opening: tuple[int, int], steps: list[tuple[Any, int]]
) -> None:
    walk = Walk(f"test-{uuid.uuid4().hex}", engine, store)
    try:
        await walk.begin(*opening)
        for step, number in steps:
            await step(walk, number)
        await walk.end()
    finally:
        await walk.close()
