"""The book of what was said, what became of it, and who saw it when."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

CALM = "no fault yet"


class Outcome(Enum):
    """What a sender was told."""

    NOTHING = "nothing, or that it is not known"
    ACKNOWLEDGED = "it is stored"
    REFUSED = "it is not stored"


@dataclass(slots=True)
class Message:
    """One message: its place in the book, and what became of it.

    Attributes:
        phase: the index of the fault during or after which the outcome came.
        entry_id: what the ack said.
    """

    sid: str
    sender: str
    number: int
    text: str
    phase: int
    outcome: Outcome = Outcome.NOTHING
    entry_id: str = ""

    @property
    def key(self) -> str:
        """What it is known by in the session; it travels in `hd`."""
        return f"{self.sender}-{self.number}"


@dataclass(slots=True)
class Reader:
    """One reader of one session: the id and key of each stored event as it came, and the phase it came in."""

    sid: str
    name: str
    seen: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def last(self) -> str:
        """The id of the last event."""
        return self.seen[-1][0] if self.seen else "0-0"


class Ledger:
    """Books messages and receipts by phases; a phase is a fault and the recovery up to the next one.

    Attributes:
        phases: the kind of fault of each.
        acknowledged: how many messages are.
    """

    def __init__(self) -> None:
        self.phases = [CALM]
        self.readers: list[Reader] = []
        self.acknowledged = 0
        self._messages: dict[tuple[str, str], Message] = {}

    @property
    def phase(self) -> int:
        return len(self.phases) - 1

    def begin(self, fault: str) -> None:
        """A fault begins."""
        self.phases.append(fault)

    def open(self, sid: str, name: str) -> Reader:
        """A new reader."""
        reader = Reader(sid, name)
        self.readers.append(reader)
        return reader

    def write(self, sid: str, sender: str, number: int, text: str) -> Message:
        """A message that is about to be sent."""
        message = Message(sid, sender, number, text, self.phase)
        self._messages[sid, message.key] = message
        return message

    def settle(self, message: Message, outcome: Outcome, entry_id: str = "") -> None:
        """What its sender was told."""
        message.outcome, message.entry_id, message.phase = outcome, entry_id, self.phase
        self.acknowledged += outcome is Outcome.ACKNOWLEDGED

    def find(self, sid: str, key: str) -> Message | None:
        """The message with this key."""
        return self._messages.get((sid, key))

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def of(self, sid: str) -> Iterator[Message]:
        """The messages of one session, each sender's in the order in which they were sent."""
        return (message for message in self if message.sid == sid)
