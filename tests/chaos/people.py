"""Who talks and who reads: the reference client, and a bare reader that sees what the server sends as it is."""

import asyncio
import json
from contextlib import suppress
from random import Random

from doqchat_client import ChatError, Session, Unavailable, connect
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.chaos.ledger import Ledger, Message, Outcome, Reader

SHORTEST_PATIENCE, LONGEST_PATIENCE = 0.5, 3.0
"""Seconds after which those who give up on a message do so: some before the server refuses, some after."""

SAID_AGAIN = 0.05
"""The share of messages that are sent a second time once they are acknowledged, with the same msg_id."""


class Person:
    """Talks and reads in one session through the reference client.

    Args:
        sid: the session.
        role: `A` or `B`.
        pause: seconds between two messages, on the average.
        gives_up: whether a message is given up when its ack takes too long; otherwise it waits for ever.
        ledger: where all of it is booked.
        random: decides how long pauses and texts are.

    Attributes:
        silent: set when the last message is settled.
    """

    def __init__(self, sid: str, role: str, pause: float, gives_up: bool, ledger: Ledger, random: Random) -> None:
        self._sid = sid
        self._role = role
        self._pause = pause
        self._timeout = random.uniform(SHORTEST_PATIENCE, LONGEST_PATIENCE) if gives_up else None
        self._ledger = ledger
        self._random = random
        self._reader = ledger.open(sid, role)
        self.silent = asyncio.Event()

    async def attend(self, url: str, enough: asyncio.Event) -> None:
        """Talk until there was enough, and read until this is cancelled."""
        async with (
            connect(url, self._sid, role=self._role, since="0", timeout=self._timeout, open_timeout=None) as chat,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._read(chat))
            await self._talk(chat, enough)
            self.silent.set()

    async def _read(self, chat: Session) -> None:
        async for event in chat:
            if event.id is not None:
                self._reader.seen.append((event.id, event.hd.get("key", ""), self._ledger.phase))

    async def _talk(self, chat: Session, enough: asyncio.Event) -> None:
        number = 0
        while not enough.is_set():
            await asyncio.sleep(self._random.expovariate(1 / self._pause))
            number += 1
            text = f"{self._role} {number} " + "안녕하세요! 😊 " * self._random.randint(0, 20)
            await self._say(chat, self._ledger.write(self._sid, self._role, number, text))

    async def _say(self, chat: Session, message: Message) -> None:
        # With a msg_id of ours it may have been sent before, for all that the client knows: it would not say `refused`.
        msg_id = message.key if self._random.random() < SAID_AGAIN else None
        try:
            sent = await chat.send(message.text, msg_id=msg_id, hd={"key": message.key})
        except Unavailable:
            self._ledger.settle(message, Outcome.REFUSED)
        except ChatError:
            self._ledger.settle(message, Outcome.NOTHING)
        else:
            self._ledger.settle(message, Outcome.ACKNOWLEDGED, sent.id)
            if msg_id is not None:
                with suppress(ChatError):
                    await chat.send(message.text, msg_id=msg_id)


class Witness:
    """Follows one session with a bare socket, and comes back with `since`; the server's order shows unmended.

    Args:
        sid: the session.
        full: whether to ask for the full protocol or for the basic profile.
        ledger: where it is booked.
        random: decides when to come back.
    """

    def __init__(self, sid: str, full: bool, ledger: Ledger, random: Random) -> None:
        self._sid = sid
        self._subprotocols = [Subprotocol("doqchat.v1")] if full else None
        self._ledger = ledger
        self._random = random
        self._reader: Reader = ledger.open(sid, "witness, " + ("v1" if full else "basic"))

    async def attend(self, url: str) -> None:
        """Read until this is cancelled."""
        while True:
            with suppress(OSError, TimeoutError, WebSocketException):
                await self._follow(f"{url}/v1/session/chat?sid={self._sid}&since={self._reader.last}")
            await asyncio.sleep(self._random.uniform(0, 1))

    async def _follow(self, url: str) -> None:
        async with open_socket(
            url, subprotocols=self._subprotocols, compression=None, proxy=None, close_timeout=1
        ) as socket:
            async for text in socket:
                hd = json.loads(text)["hd"]
                if "id" in hd:
                    self._reader.seen.append((hd["id"], hd.get("key", ""), self._ledger.phase))
