"""A reader's cursor: whatever comes, in whatever order, it accepts a gapless run and nothing else."""

from doqchat_client import waiting
from doqchat_client.cursor import Cursor, Step
from doqchat_client.events import Event
from doqchat_client.exceptions import Disconnected
from doqchat_client.waiting import LONGEST, Backoff
from hypothesis import given
from hypothesis import strategies as st

IDS = ["0-0", *(f"{1_700_000_000_000 + number // 3}-{number % 3}" for number in range(1, 40))]


def stored(number: int) -> Event:
    return at(IDS[number], IDS[number - 1])


def at(entry_id: str, prev: str) -> Event:
    return Event(hd={"event": "chat.message", "id": entry_id, "prev": prev}, bd={})


@given(st.integers(0, len(IDS) - 1), st.lists(st.integers(1, len(IDS) - 1), max_size=200))
def test_accepted_events_have_no_gaps(start: int, arriving: list[int]) -> None:
    cursor, accepted = Cursor(IDS[start]), []
    for number in arriving:
        step = cursor.judge(stored(number))
        if step is Step.NEXT:
            cursor.advance(stored(number))
            accepted.append(number)
        else:
            assert (step is Step.KNOWN) == (number <= start + len(accepted))
    assert accepted == list(range(start + 1, start + 1 + len(accepted)))


def test_an_id_between_two_events_misses_nothing() -> None:
    cursor = Cursor("1700000000000-99")
    following = next(number for number, entry in enumerate(IDS) if entry.startswith("1700000000001"))
    assert cursor.judge(stored(following)) is Step.NEXT
    assert cursor.judge(stored(following - 1)) is Step.KNOWN
    assert cursor.judge(stored(following + 1)) is Step.TOO_EARLY


def test_after_a_deleted_event_a_welcome_decides_which_others_are_missing() -> None:
    cursor = Cursor(IDS[3])
    cursor.advance(stored(4))
    after_a_trim = at(IDS[9], "0-0")
    assert cursor.judge(after_a_trim) is Step.TOO_EARLY
    cursor.welcome(IDS[9], gap=True)
    assert cursor.judge(after_a_trim) is Step.NEXT


def test_a_first_welcome_says_where_now_is_and_a_later_one_does_not() -> None:
    cursor = Cursor(None)
    assert not cursor.welcome(IDS[5], gap=False)
    assert cursor.last == IDS[5]
    cursor.welcome(IDS[9], gap=False)
    assert cursor.last == IDS[5]


def test_a_since_beyond_the_end_begins_at_the_end() -> None:
    cursor = Cursor(IDS[9])
    assert cursor.welcome(IDS[5], gap=True)
    assert cursor.last == IDS[5]


def test_waits_grow_are_random_and_stay_within_their_bounds() -> None:
    backoff = Backoff()
    waits = [backoff.next() for _ in range(2_000)]
    assert all(waiting.SHORTEST <= wait <= LONGEST for wait in waits)
    assert waits[0] <= 3 * waiting.SHORTEST
    assert max(waits) > LONGEST / 2
    assert len(set(waits)) == len(waits)
    backoff.reset()
    assert backoff.next() <= 3 * waiting.SHORTEST


def test_a_server_that_says_how_long_to_wait_is_obeyed() -> None:
    wait = Backoff().after(Disconnected("too many frames", 4429, retry_after=7.0))
    assert 7.0 <= wait < 8.0
