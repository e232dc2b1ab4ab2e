"""A reader's position: whatever comes, in whatever order, it accepts a gapless run and nothing else."""

from doqchat_client.backoff import LONGEST, SHORTEST, Backoff
from doqchat_client.events import Event
from doqchat_client.order import Position, Step
from hypothesis import given
from hypothesis import strategies as st

IDS = ["0-0", *(f"{1_700_000_000_000 + number // 3}-{number % 3}" for number in range(1, 40))]


def stored(number: int) -> Event:
    return Event("chat.message", "A", {}, IDS[number], IDS[number - 1], None, None, {})


@given(st.integers(0, len(IDS) - 1), st.lists(st.integers(1, len(IDS) - 1), max_size=200))
def test_what_is_accepted_is_a_gapless_run(start: int, arriving: list[int]) -> None:
    position, accepted = Position(IDS[start]), []
    for number in arriving:
        step = position.judge(stored(number))
        if step is Step.NEXT:
            position.advance(stored(number))
            accepted.append(number)
        else:
            assert (step is Step.KNOWN) == (number <= start + len(accepted))
    assert accepted == list(range(start + 1, start + 1 + len(accepted)))


def test_an_id_between_two_events_misses_nothing() -> None:
    position = Position("1700000000000-99")
    following = next(number for number, entry in enumerate(IDS) if entry.startswith("1700000000001"))
    assert position.judge(stored(following)) is Step.NEXT
    assert position.judge(stored(following - 1)) is Step.KNOWN
    assert position.judge(stored(following + 1)) is Step.TOO_EARLY


def test_an_event_that_is_no_longer_kept_leaves_it_to_a_welcome_what_else_is_gone() -> None:
    position = Position(IDS[3])
    position.advance(stored(4))
    after_a_trim = Event("chat.message", "A", {}, IDS[9], "0-0", None, None, {})
    assert position.judge(after_a_trim) is Step.TOO_EARLY
    position.welcome(IDS[9], gap=True)
    assert position.judge(after_a_trim) is Step.NEXT


def test_a_first_welcome_says_where_now_is_and_a_later_one_does_not() -> None:
    position = Position(None)
    assert not position.welcome(IDS[5], gap=False)
    assert position.last == IDS[5]
    position.welcome(IDS[9], gap=False)
    assert position.last == IDS[5]


def test_more_than_the_server_has_begins_where_it_stands() -> None:
    position = Position(IDS[9])
    assert position.welcome(IDS[5], gap=True)
    assert position.last == IDS[5]


def test_waits_grow_are_random_and_stay_within_their_bounds() -> None:
    backoff = Backoff()
    waits = [backoff.next() for _ in range(2_000)]
    assert all(SHORTEST <= wait <= LONGEST for wait in waits)
    assert waits[0] <= 3 * SHORTEST
    assert max(waits) > LONGEST / 2
    assert len(set(waits)) == len(waits)
    backoff.reset()
    assert backoff.next() <= 3 * SHORTEST
