"""Two people who talk on while the server is attacked, and how long their messages take."""

import asyncio
from collections import Counter, defaultdict

from doqchat_client import ChatError, Event, ServerError, Session, connect

from tests.chaos.ledger import Ledger, Message, Outcome

A_SECOND = 5.0
"""Messages of one person in a second."""

TALKING = ("A", "B")


class Clock:
    """How long messages take, in milliseconds, by the phase in which each was due.

    A message is due when its turn has come, whether or not the one before it has been acknowledged: to
    wait before sending is the server's delay too.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.took: defaultdict[int, list[float]] = defaultdict(list)
        self._ledger = ledger
        self._due: dict[tuple[str, str], tuple[float, int]] = {}

    def due(self, message: Message, at: float) -> None:
        """A message is due at a moment of the loop's clock."""
        self._due[message.sid, message.key] = (at, self._ledger.phase)

    def received(self, sid: str, key: str) -> None:
        """The other has got it."""
        if (found := self._due.pop((sid, key), None)) is not None:
            at, phase = found
            self.took[phase].append((asyncio.get_running_loop().time() - at) * 1000)


class Talker:
    """One of the two, with the reference client.

    Args:
        sid: the session.
        role: `A` or `B`.
        ledger: where what is sent and received is booked.
        clock: where it is timed.

    Attributes:
        number: the number of the last message; the next one has the next.
        refused: how often the server refused one, by the code of the error.
        silent: set when the last message is settled.
    """

    def __init__(self, sid: str, role: str, ledger: Ledger, clock: Clock) -> None:
        self.number = 0
        self.refused: Counter[str] = Counter()
        self.silent = asyncio.Event()
        self._sid = sid
        self._role = role
        self._ledger = ledger
        self._clock = clock
        self._reader = ledger.open(sid, role)

    async def attend(self, url: str, over: asyncio.Event) -> None:
        """Talk until it is over, and read until this is cancelled."""
        async with (
            connect(url, self._sid, role=self._role, since="0", open_timeout=None) as chat,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._read(chat))
            await self._talk(chat, over)
            self.silent.set()

    async def _read(self, chat: Session) -> None:
        async for event in chat:
            if event.id is not None and is_talk(event):
                key = event.hd.get("key", "")
                self._reader.seen.append((event.id, key, self._ledger.phase))
                if event.role != self._role:
                    self._clock.received(self._sid, key)

    async def _talk(self, chat: Session, over: asyncio.Event) -> None:
        now = asyncio.get_running_loop().time
        due = now()
        while not over.is_set():
            due += 1 / A_SECOND
            await asyncio.sleep(due - now())
            self.number += 1
            text = f"{self._role} {self.number} 안녕하세요! 😊"
            message = self._ledger.write(self._sid, self._role, self.number, text)
            self._clock.due(message, due)
            await self._say(chat, message)

    async def _say(self, chat: Session, message: Message) -> None:
        try:
            sent = await chat.send(message.text, msg_id=message.key, hd={"key": message.key})
        except ServerError as error:
            self.refused[error.code] += 1
            self._ledger.settle(message, Outcome.REFUSED)
        except ChatError:
            self._ledger.settle(message, Outcome.NOTHING)
        else:
            self._ledger.settle(message, Outcome.ACKNOWLEDGED, sent.id)


def is_talk(event: Event) -> bool:
    """Whether the two have said it, and not an attacker in their session."""
    return event.event == "chat.message" and event.role in TALKING
