"""Token buckets, by a clock that the test sets."""

import pytest

from doqchat.limits import rate
from doqchat.limits.rate import KEYS, Buckets, Rate
from tests.limits.clock import Clock


def test_a_full_bucket_gives_all_at_once_and_is_refilled_evenly(clock: Clock) -> None:
    ten = Rate(10, 20)
    bucket, waits = 0.0, []
    for _ in range(12):
        bucket, wait = ten.take(bucket)
        waits.append(wait)
    assert waits == [0.0] * 10 + [pytest.approx(2.0)] * 2
    clock.now += 2
    bucket, wait = ten.take(bucket)
    assert wait == 0.0
    assert ten.take(bucket)[1] == pytest.approx(2.0)


def test_an_amount_is_taken_as_a_whole_or_not_at_all(clock: Clock) -> None:
    thousand = Rate(1000, 60)
    bucket, _ = thousand.take(0.0, 900)
    assert thousand.take(bucket, 200) == (bucket, pytest.approx(6.0))
    assert thousand.take(bucket, 100)[1] == 0.0


def test_each_key_has_a_bucket_of_its_own(clock: Clock) -> None:
    one = Buckets(Rate(1))
    assert [one.take("a"), one.take("b")] == [0.0, 0.0]
    assert one.take("a") == pytest.approx(60.0)


def test_no_limit_is_none(clock: Clock) -> None:
    assert {Buckets(None).take("a") for _ in range(100)} == {0.0}


def test_many_keys_do_not_take_more_and_more_memory(clock: Clock) -> None:
    buckets = Buckets(Rate(2))
    buckets.take("busy")
    clock.now += 59  # the buckets of these are full again, that one's is not
    for number in range(3 * KEYS):
        buckets.take(f"{number}")
    assert len(buckets._buckets) <= KEYS


def test_full_buckets_are_dropped_first(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "KEYS", 10)
    buckets = Buckets(Rate(1))
    for number in range(6):
        buckets.take(f"idle {number}")
    clock.now += 60
    for number in range(5):
        buckets.take(f"busy {number}")
    assert all(buckets.take(f"busy {number}") > 0 for number in range(5))
