"""The order of a session's events, and the position of a reader."""

import enum
import re
from typing import Self

from doqchat_client.events import Event
from doqchat_client.exceptions import ProtocolError

BEGINNING = "0-0"
_ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")


def order(entry_id: str) -> tuple[int, int]:
    """The id as a pair that sorts as the session does; raises ProtocolError."""
    if not _ID.fullmatch(entry_id):
        raise ProtocolError(f"{entry_id[:60]!r} is not an event id.")
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)


class Step(enum.Enum):
    """The position of an event relative to a reader."""

    NEXT = "the one to deliver now"
    KNOWN = "delivered before"
    TOO_EARLY = "there are others before it"


class Cursor:
    """The position of a reader: it accepts a gapless sequence of the session's events.

    Args:
        since: begin after this id (`0`: with all stored events); None begins at the `last_id` of the first welcome.

    Raises:
        ValueError: it is not an id.
    """

    def __init__(self, since: str | None) -> None:
        self.last = BEGINNING if since == "0" else since
        self._was_there = False
        try:
            order(self.last or BEGINNING)
        except ProtocolError as error:
            raise ValueError(f"since: an event id such as 1700641234567-0, or 0; not {since!r}.") from error

    def copy(self) -> Self:
        """A copy."""
        other = type(self)(self.last)
        other._was_there = self._was_there
        return other

    def is_past(self, entry_id: str) -> bool:
        """Whether an event is at or before the position."""
        return order(entry_id) <= order(self.last or BEGINNING)

    def welcome(self, last_id: str, *, gap: bool) -> bool:
        """Process a welcome: move to its `last_id` if the position is unset or beyond it.

        Returns:
            Whether the position has moved back, which the server does not know.
        """
        beyond = self.last is not None and gap and order(self.last) > order(last_id)
        self._was_there = beyond or self.last is None
        if self._was_there:
            self.last = last_id
        return beyond

    def judge(self, event: Event) -> Step:
        """Whether a stored event is the next one.

        It is if its `prev` is the position, or if the position lies between the two and is an id that the session never
        had. If the event at the position was deleted, only a welcome can tell whether later ones were deleted too.
        """
        last, prev = order(self.last or BEGINNING), order(event.prev or "")
        if order(event.id or "") <= last:
            return Step.KNOWN
        return Step.NEXT if prev == last or (prev < last and not self._was_there) else Step.TOO_EARLY

    def advance(self, event: Event) -> None:
        """Record that the event was delivered."""
        self.last = event.id
        self._was_there = True
