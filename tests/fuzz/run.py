"""Sends frames that Hypothesis draws, as one principal."""

import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.frames import ENDS, Sent, frames
from tests.fuzz.principals import PRINCIPALS, Principal, renewed
from tests.fuzz.visit import Visit, post, visit

AT_ONCE = 40
"""Most frames of a connection: fewer than its rate limits allow, so that each is examined."""

VISITS_OF_A_SESSION = 5
PROGRESS_SECONDS = 15.0


@dataclass(frozen=True)
class Task:
    """The frames of one principal, as plain data for another process."""

    name: str
    address: str
    store_url: str
    frames: int
    seed: int


@dataclass(frozen=True)
class Sending:
    """What one principal has sent.

    Attributes:
        name: the principal's.
        frames, connections: how many.
        sids: the sessions they went to.
        failure: the report of the smallest visit with a wrong answer; empty if there was none.
    """

    name: str
    frames: int
    connections: int
    sids: Sequence[str]
    failure: str = ""


class Fuzz:
    """The frames of one principal.

    Args:
        name: the principal's.
        address: the server's.
        store_url: its store.
        say: takes a line of progress.

    Attributes:
        sent: the number of frames sent so far.
        visits: the number of connections.
        sids: the sessions they went to.
    """

    def __init__(self, name: str, address: str, store_url: str, say: Callable[[str], None] = lambda _: None) -> None:
        self.principal: Principal = PRINCIPALS[name]
        self.sent = 0
        self.sids: list[str] = []
        self._address = address
        self._store_url = store_url
        self._say = say
        self.visits = 0
        self._shown = time.monotonic()

    def send(self, count: int, seed: int) -> None:
        """Send at least `count` frames; `seed` selects them. Raises AssertionError with the smallest visit found."""
        round_of = 0
        with redis.Redis.from_url(self._store_url, decode_responses=True) as store:
            while self.sent < count:
                examples = max(1, (count - self.sent) // AT_ONCE)
                self._examples(store, min(examples, 250), seed * 10_000 + round_of)
                round_of += 1
        self._show(count)

    def _examples(self, store: "redis.Redis", examples: int, number: int) -> None:
        principal = self.principal
        role = principal.role or "A"
        queries = st.fixed_dictionaries({}, optional={"since": st.sampled_from(["0", "1-1", "0-0"])})

        @seed(number)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(data=st.data(), ending=ENDS, query=queries, v1=st.booleans(), posted=st.integers(0, 7))
        def one(data: st.DataObject, ending: str, query: dict[str, str], v1: bool, posted: int) -> None:
            sid = self._sid(store)
            sent: list[Sent] = data.draw(
                st.lists(frames(renewed(sid, role, principal.can)), min_size=AT_ONCE // 2, max_size=AT_ONCE)
            )
            visit(self._address, principal, Visit(sid, self.visits, sent, ending, query, v1))
            self.sent += len(sent) + 1
            if not (posted or principal.query):  # a call names no role
                post(self._address, principal, sid, sent[0].text)
                self.sent += 1
            if time.monotonic() > self._shown + PROGRESS_SECONDS:
                self._show()

        one()

    def _sid(self, store: "redis.Redis") -> str:
        """The session of the next visit."""
        self.visits += 1
        if self.visits % VISITS_OF_A_SESSION == 1:
            self.sids.append(f"fuzz-{self.principal.name}-{self.visits}")
            self.principal.prepare(store, self.sids[-1])
        return self.sids[-1]

    def _show(self, count: int | None = None) -> None:
        self._shown = time.monotonic()
        self._say(f"{self.principal.name}: {self.sent:,} frames in {self.visits:,} connections{' done' * bool(count)}")


def send(task: Task) -> Sending:
    """Send the frames of a principal; an answer that is wrong ends it."""
    fuzz, failure = Fuzz(task.name, task.address, task.store_url, _print), ""
    try:
        fuzz.send(task.frames, task.seed)
    except (Exception, BaseExceptionGroup):
        failure = traceback.format_exc()
        _print(failure)
    return Sending(task.name, fuzz.sent, fuzz.visits, fuzz.sids, failure)


def _print(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
