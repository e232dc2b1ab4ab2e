"""The workloads, as plain data that travels to the load generator's process as JSON."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Traffic:
    """Messages through sessions of equal size.

    Message n goes to session n modulo `sessions`, from its `senders` members in turn. At most `window` messages are
    on their way at once; with `rate` (messages per second) they also leave at that pace, without it as soon as the
    window has room, which keeps the server busy all the time. `warm_up` messages go first and are not measured. A
    message is as long as so many of the harness's `texts`.
    """

    name: str
    sessions: int
    members: int
    senders: int
    messages: int
    warm_up: int
    window: int
    unit: str
    rate: float | None = None
    texts: int = 1

    def smaller(self) -> "Traffic":
        """The same shape with a fifth of the messages."""
        return replace(self, messages=self.messages // 5, warm_up=self.warm_up // 5)


@dataclass(frozen=True)
class Idle:
    """`sockets` sockets, two to a session, that only stay open; `settled` sockets before them are not counted."""

    sockets: int
    settled: int
    unit: str = "socket"

    @property
    def name(self) -> str:
        return f"{self.sockets:,} idle sockets"

    def smaller(self) -> "Idle":
        """A fifth of the sockets."""
        return replace(self, sockets=self.sockets // 5)


PAIRS = Traffic(
    "50 sessions of 2", sessions=50, members=2, senders=2, messages=20_000, warm_up=2_000, window=100, unit="message"
)
PACED_PAIRS = Traffic(
    "50 sessions of 2, 200 messages/s",
    sessions=50, members=2, senders=2, messages=1_000, warm_up=200, window=100, unit="message", rate=200,
)  # fmt: skip
ROOM = Traffic(
    "one session of 200", sessions=1, members=200, senders=4, messages=600, warm_up=60, window=16, unit="delivery"
)
IDLE = Idle(sockets=2_000, settled=100)

WORKLOADS: tuple[Traffic | Idle, ...] = (PAIRS, ROOM, PACED_PAIRS, IDLE)
