"""Ids of entries: their order, their neighbours, and the numbers and times that stand for them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doqchat.protocol.ids import (
    BEGINNING,
    LAST,
    id_after,
    id_at,
    id_before,
    is_reply_id,
    lower_bound,
    order,
    parse_id,
    position,
    position_before,
    request_of,
    requested_at,
    time_of,
    upper_bound,
)

LARGEST = 2**64 - 1
MILLISECONDS, SEQUENCES = 2**42, 2**21
"""How many of each have a position: 42 and 21 of the 63 bits of a database's integers."""

ids = st.builds("{}-{}".format, st.integers(0, LARGEST), st.integers(0, LARGEST))
placed = st.builds("{}-{}".format, st.integers(0, MILLISECONDS - 1), st.integers(0, SEQUENCES - 1))
edges = st.sampled_from(
    [f"{milliseconds}-{sequence}" for milliseconds in (0, 1, MILLISECONDS - 1) for sequence in (0, 1, SEQUENCES - 1)]
)


@given(ids)
@example("5-0")
@example(f"5-{LARGEST}")
@example("1-1")
def test_nothing_is_between_an_id_and_its_neighbours(entry_id: str) -> None:
    if entry_id != BEGINNING:
        before = id_before(entry_id)
        assert order(before) < order(entry_id)
        assert id_after(before) == entry_id
    if entry_id != LAST:
        after = id_after(entry_id)
        assert after is not None
        assert order(after) > order(entry_id)
        assert id_before(after) == entry_id


def test_no_id_is_after_the_last() -> None:
    assert id_after(LAST) is None
    assert parse_id(LAST) == LAST


@given(placed | edges, placed | edges)
def test_positions_are_numbers_of_63_bits_that_sort_as_ids_do(one: str, other: str) -> None:
    first, second = position(one), position(other)
    assert first is not None
    assert second is not None
    assert 0 <= first < 2**63
    assert (first < second) == (order(one) < order(other))
    assert id_at(first) == one
    assert position_before(one) == first


@pytest.mark.parametrize("entry_id", [f"{MILLISECONDS}-0", f"5-{SEQUENCES}", LAST, f"0-{LARGEST}"])
def test_an_id_that_is_too_large_has_no_position(entry_id: str) -> None:
    assert position(entry_id) is None


@given(ids | edges, placed | edges)
@example(f"5-{SEQUENCES}", f"5-{SEQUENCES - 1}")
@example(f"5-{SEQUENCES}", "6-0")
@example(LAST, f"{MILLISECONDS - 1}-{SEQUENCES - 1}")
def test_what_is_up_to_an_id_is_up_to_the_position_before_it(bound: str, other: str) -> None:
    number = position(other)
    assert number is not None
    assert (number <= position_before(bound)) == (order(other) <= order(bound))
    assert position_before(bound) < 2**63


def test_an_id_has_the_time_of_its_milliseconds() -> None:
    assert time_of("1700641234567-3") == datetime(2023, 11, 22, 8, 20, 34, 567000, UTC)
    assert time_of(LAST) == datetime(9999, 12, 30, tzinfo=UTC)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
@example(datetime(1970, 1, 1))
def test_a_time_bounds_a_range_at_its_millisecond(moment: datetime) -> None:
    milliseconds = (moment - datetime(1970, 1, 1)) // timedelta(milliseconds=1)
    text = f"{moment.isoformat()}Z"
    assert upper_bound(text) == f"{milliseconds}-0"
    assert (id_after(lower_bound(text)) if milliseconds else lower_bound(text)) == upper_bound(text)


@pytest.mark.parametrize("time", ["1969-12-31T23:59:59Z", "1970-01-01T08:59:59+09:00", "1970-01-01T08:59:59 09:00"])
def test_times_before_all_ids_are_the_beginning(time: str) -> None:
    assert lower_bound(time) == upper_bound(time) == BEGINNING


@pytest.mark.parametrize("bad", ["", "1", "1-", "-1", "a-b", "1-2-3", f"{2**64}-0", f"0-{2**64}", "１-1", "2026-11-22"])
def test_other_text_is_no_position(bad: str) -> None:
    assert parse_id(bad) is None
    for bound in (lower_bound, upper_bound):
        with pytest.raises(ValueError, match="not an event id"):
            bound(bad)


@pytest.mark.parametrize(("reply", "request_id"), [("r5-1", "5-1"), ("r5-1-2", "5-1")])
def test_a_reply_names_its_request(reply: str, request_id: str) -> None:
    assert is_reply_id(reply)
    assert request_of(reply) == request_id
    assert requested_at(reply) == 5


@pytest.mark.parametrize("bad", ["5-1", "r5", "r5-1-", "r5-1-1234567890", "rr5-1", "r5-1 "])
def test_other_text_is_no_reply(bad: str) -> None:
    assert not is_reply_id(bad)
