"""The workloads, as plain data that travels to the load generator's process as JSON."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Traffic:
    """Messages through sessions of equal size.

    Message n goes to session n modulo `sessions`, from its `senders` members in turn. At most `window` messages are
    on their way at once; with `rate` (messages per second) they also leave at that pace, without it as soon as the
    window has room, which keeps the server busy all the time. `warm_up` messages go first and are not measured: a
    just-in-time compiler needs thousands. The text of a message is the harness's text, repeated `texts` times.
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
        """The same shape with a fifth of the messages, and as warm."""
        return replace(self, messages=self.messages // 5)


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


@dataclass(frozen=True)
class Connects:
    """`sockets` sockets, two to a session, each opened when the one before it is; `settled` before are not counted."""

    sockets: int
    settled: int
    name: str = "sequential connects"
    unit: str = "connect"

    def smaller(self) -> "Connects":
        """A fifth of the sockets."""
        return replace(self, sockets=self.sockets // 5)


Workload = Traffic | Idle | Connects
KINDS: dict[str, type[Workload]] = {kind.__name__: kind for kind in (Traffic, Idle, Connects)}

PAIRS = Traffic(
    "50 sessions of 2", sessions=50, members=2, senders=2, messages=20_000, warm_up=2_000, window=100, unit="message"
)
PACED_PAIRS = Traffic(
    "50 sessions of 2, 200 messages/s",
    sessions=50, members=2, senders=2, messages=1_000, warm_up=2_000, window=100, unit="message", rate=200,
)  # fmt: skip
ROOM = Traffic(
    "one session of 200", sessions=1, members=200, senders=4, messages=600, warm_up=300, window=16, unit="delivery"
)
CONNECTS = Connects(sockets=1_000, settled=500)
IDLE = Idle(sockets=2_000, settled=100)

WORKLOADS: tuple[Workload, ...] = (PAIRS, ROOM, PACED_PAIRS, CONNECTS, IDLE)
