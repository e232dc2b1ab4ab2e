"""The order of a session's events, and how far a reader has come in it."""

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
    """What an event is to a reader."""

    NEXT = "the one to deliver now"
    KNOWN = "delivered before"
    TOO_EARLY = "there are others before it"


class Cursor:
    """The last event that a reader has; what it accepts is a gapless run of the session.

    Args:
        since: begin after this id (`0`: with all that is kept); None begins where the first welcome says.

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
        """Another one at the same place."""
        other = type(self)(self.last)
        other._was_there = self._was_there
        return other

    def is_past(self, entry_id: str) -> bool:
        """Whether an event is one that the reader has, or one before it."""
        return order(entry_id) <= order(self.last or BEGINNING)

    def welcome(self, last_id: str, *, gap: bool) -> bool:
        """Begin where the server stands, if nothing was asked for or more than the server ever had. Otherwise it has
        said now whether anything is missing after the reader's last event.

        Returns:
            Whether that is a step back, of which the server does not know.
        """
        beyond = self.last is not None and gap and order(self.last) > order(last_id)
        self._was_there = beyond or self.last is None
        if self._was_there:
            self.last = last_id
        return beyond

    def judge(self, event: Event) -> Step:
        """Whether a stored event comes next.

        It does when the reader's last event is its `prev`. It also does when that lies between the two and was an id
        that the session never had. If the session had it and has it no more, only a welcome can say whether others
        after it are gone as well.
        """
        last, prev = order(self.last or BEGINNING), order(event.prev or "")
        if order(event.id or "") <= last:
            return Step.KNOWN
        return Step.NEXT if prev == last or (prev < last and not self._was_there) else Step.TOO_EARLY

    def advance(self, event: Event) -> None:
        """Note that the event was delivered."""
        self.last = event.id
        self._was_there = True
