"""How often a connection may send what is not stored, by a clock that the test sets."""

import pytest

from doqchat import pace
from doqchat.errors import RateLimited
from doqchat.pace import MOST_FRAMES, WINDOW_SECONDS, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "monotonic", clock)
    return clock


def refused(connection: Pace) -> int | None:
    """The seconds that a frame is told to wait, or None for one that is taken."""
    try:
        connection.count()
    except RateLimited as problem:
        seconds: int = problem.details["retry_after"]
        return seconds
    return None


def test_a_frame_too_many_is_told_when_it_will_be_taken(clock: Clock) -> None:
    connection = Pace()
    connection.count()
    clock.now += 2.5
    assert [refused(connection) for _ in range(MOST_FRAMES)] == [None] * (MOST_FRAMES - 1) + [8]
    clock.now += 7.4
    assert refused(connection) == 1
    clock.now += 0.1
    assert [refused(connection), refused(connection)] == [None, 3]


def test_what_was_refused_does_not_count(clock: Clock) -> None:
    connection = Pace()
    for _ in range(MOST_FRAMES):
        connection.count()
    assert {refused(connection) for _ in range(10)} == {WINDOW_SECONDS}
    clock.now += WINDOW_SECONDS
    assert [refused(connection) for _ in range(MOST_FRAMES)] == [None] * MOST_FRAMES


def test_each_connection_has_a_pace_of_its_own(clock: Clock) -> None:
    busy, other = Pace(), Pace()
    while refused(busy) is None:
        continue
    assert refused(other) is None
