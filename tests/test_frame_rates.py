"""What one connection may send, by a clock that the test sets."""

import pytest

from doqchat import frame_rates
from doqchat.errors import Conflict, Internal, InvalidJSON, NotFound, RateLimited, Unavailable
from doqchat.frame_rates import (
    MOST_ANSWERED,
    MOST_EPHEMERAL,
    MOST_REFUSED,
    WINDOW_SECONDS,
    FrameRates,
    TooManyRefused,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(frame_rates, "monotonic", clock)
    return clock


def limited(connection: FrameRates) -> int | None:
    """The seconds that a frame is told to wait, or None for one that is taken."""
    try:
        connection.take_ephemeral()
    except RateLimited as problem:
        seconds: int = problem.details["retry_after"]
        return seconds
    return None


def test_a_frame_over_the_rate_limit_gets_retry_after(clock: Clock) -> None:
    connection = FrameRates()
    connection.take_ephemeral()
    clock.now += 2.5
    assert [limited(connection) for _ in range(MOST_EPHEMERAL)] == [None] * (MOST_EPHEMERAL - 1) + [8]
    clock.now += 7.4
    assert limited(connection) == 1
    clock.now += 0.1
    assert [limited(connection), limited(connection)] == [None, 3]


def test_a_frame_over_the_rate_limit_does_not_count_towards_it(clock: Clock) -> None:
    connection = FrameRates()
    for _ in range(MOST_EPHEMERAL):
        connection.take_ephemeral()
    assert {limited(connection) for _ in range(10)} == {WINDOW_SECONDS}
    clock.now += WINDOW_SECONDS
    assert [limited(connection) for _ in range(MOST_EPHEMERAL)] == [None] * MOST_EPHEMERAL


def test_rate_limits_are_per_connection(clock: Clock) -> None:
    busy, other = FrameRates(), FrameRates()
    while limited(busy) is None:
        continue
    assert limited(other) is None


@pytest.mark.parametrize("problem", [InvalidJSON("."), RateLimited("."), Conflict("."), NotFound(".")], ids=repr)
def test_the_first_refusals_are_answered_and_too_many_end_the_connection(clock: Clock, problem: Exception) -> None:
    connection = FrameRates()
    answered = [connection.refuse(problem) for _ in range(MOST_REFUSED)]
    assert answered == [True] * MOST_ANSWERED + [False] * (MOST_REFUSED - MOST_ANSWERED)
    with pytest.raises(TooManyRefused) as ended:
        connection.refuse(problem)
    assert ended.value.details == {"retry_after": WINDOW_SECONDS}


def test_refusals_that_are_rare_are_answered_for_ever(clock: Clock) -> None:
    connection = FrameRates()
    for _ in range(10 * MOST_REFUSED):
        assert connection.refuse(InvalidJSON("."))
        clock.now += WINDOW_SECONDS / (MOST_ANSWERED - 1)


@pytest.mark.parametrize("problem", [Unavailable("."), Internal(".")], ids=repr)
def test_failures_of_the_server_are_not_held_against_the_client(clock: Clock, problem: Exception) -> None:
    connection = FrameRates()
    assert all(connection.refuse(problem) for _ in range(2 * MOST_REFUSED))
    assert connection.refuse(InvalidJSON("."))
