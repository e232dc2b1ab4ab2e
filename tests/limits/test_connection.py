"""What one connection may send, by a clock that the test sets."""

from collections.abc import Callable

import pytest

from doqchat.errors import Conflict, Internal, InvalidJSON, NotFound, RateLimited, Unavailable
from doqchat.limits.connection import (
    ANSWERED,
    EPHEMERAL,
    REFUSED,
    RETRY_SECONDS,
    ConnectionLimits,
    TooManyRefused,
)
from doqchat.limits.rate import Rate
from tests.limits.clock import Clock


def limited(take: Callable[[], None]) -> int | None:
    """The seconds that a frame is told to wait, or None for one that is taken."""
    try:
        take()
    except RateLimited as problem:
        seconds: int = problem.details["retry_after"]
        return seconds
    return None


def test_a_frame_over_the_rate_limit_gets_retry_after_and_does_not_count(clock: Clock) -> None:
    connection = ConnectionLimits()
    taken = [limited(connection.take_ephemeral) for _ in range(EPHEMERAL.most + 10)]
    assert taken == [None] * EPHEMERAL.most + [1] * 10
    clock.now += EPHEMERAL.seconds
    assert {limited(connection.take_ephemeral) for _ in range(EPHEMERAL.most)} == {None}


def test_stored_frames_are_limited_by_number_and_by_size(clock: Clock) -> None:
    connection = ConnectionLimits(Rate(3), Rate(100_000))
    assert [limited(lambda: connection.take_stored(10)) for _ in range(4)] == [None, None, None, 20]
    clock.now += 60
    assert [limited(lambda: connection.take_stored(60_000)) for _ in range(2)] == [None, 12]


def test_rate_limits_are_per_connection(clock: Clock) -> None:
    busy, other = ConnectionLimits(), ConnectionLimits()
    while limited(busy.take_ephemeral) is None:
        continue
    assert limited(other.take_ephemeral) is None


@pytest.mark.parametrize("problem", [InvalidJSON("."), RateLimited("."), Conflict("."), NotFound(".")], ids=repr)
def test_the_first_refusals_are_answered_and_too_many_end_the_connection(clock: Clock, problem: Exception) -> None:
    connection = ConnectionLimits()
    answered = [connection.refuse(problem) for _ in range(REFUSED.most)]
    assert answered == [True] * ANSWERED.most + [False] * (REFUSED.most - ANSWERED.most)
    with pytest.raises(TooManyRefused) as ended:
        connection.refuse(problem)
    assert ended.value.details == {"retry_after": RETRY_SECONDS}


def test_refusals_that_are_rare_are_answered_for_ever(clock: Clock) -> None:
    connection = ConnectionLimits()
    for _ in range(10 * REFUSED.most):
        assert connection.refuse(InvalidJSON("."))
        clock.now += ANSWERED.seconds / ANSWERED.most


@pytest.mark.parametrize("problem", [Unavailable("."), Internal(".")], ids=repr)
def test_failures_of_the_server_are_not_held_against_the_client(clock: Clock, problem: Exception) -> None:
    connection = ConnectionLimits()
    assert all(connection.refuse(problem) for _ in range(2 * REFUSED.most))
    assert connection.refuse(InvalidJSON("."))
