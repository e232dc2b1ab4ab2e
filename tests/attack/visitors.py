"""Clients that come and go while the server is attacked: one joins sessions, one asks the model."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from itertools import count

from doqchat_client import ChatError, Session, connect
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from doqchat.protocol.ids import BEGINNING, order

JOIN_PAUSE = 0.4  # seconds from one join to the next
JOIN_WITHIN = 10.0
ASK_PAUSE = 3.0
ANSWERED_WITHIN = 20.0
ASKS_IN = "probe-asks"


class Joiner:
    """Joins sessions with `since=0` and leaves when everything has come.

    Attributes:
        joined: how often that went well.
        wrong: how often it did not, by what was wrong.
        longest: seconds that the longest took.
    """

    def __init__(self, sids: Sequence[str]) -> None:
        self.joined = 0
        self.wrong: Counter[str] = Counter()
        self.longest = 0.0
        self._sids = sids

    async def attend(self, url: str, over: asyncio.Event) -> None:
        """Come and go until it is over."""
        now = asyncio.get_running_loop().time
        while not over.is_set():
            await asyncio.sleep(random.uniform(0.5, 1.5) * JOIN_PAUSE)
            begun = now()
            if (problem := await self._join(f"{url}/v1/session/chat?sid={random.choice(self._sids)}&since=0")) is None:
                self.joined += 1
            else:
                self.wrong[problem] += 1
            self.longest = max(self.longest, now() - begun)

    async def _join(self, url: str) -> str | None:
        protocols = [Subprotocol("doqchat.v1")]
        try:
            async with (
                asyncio.timeout(JOIN_WITHIN),
                open_socket(url, subprotocols=protocols, compression=None, proxy=None, max_size=None) as socket,
            ):
                return await replayed(socket)
        except TimeoutError:
            return f"not done within {JOIN_WITHIN:g} s"
        except (OSError, WebSocketException) as error:
            return f"{type(error).__name__}: {error}"


async def replayed(socket: ClientConnection) -> str | None:
    """Read the welcome and all that it promises; what was wrong with that, or None."""
    welcome = json.loads(await socket.recv())
    if welcome["hd"]["event"] != "session.welcome":
        return f"{welcome['hd']['event']} before the welcome"
    if welcome["bd"]["gap"] is not None:
        return "a gap in the welcome"
    last = BEGINNING
    while order(last) < order(welcome["bd"]["last_id"]):
        hd = json.loads(await socket.recv())["hd"]
        if "id" not in hd:
            continue
        if hd["prev"] != last:
            return "an event out of order, twice or left out"
        last = hd["id"]
    return None


class Asker:
    """Asks the model now and then.

    Attributes:
        asked, answered: how often it did, and how often an answer came in time.
        longest: seconds that the longest answer took.
    """

    def __init__(self) -> None:
        self.asked = self.answered = 0
        self.longest = 0.0

    async def attend(self, url: str, over: asyncio.Event) -> None:
        """Ask until it is over."""
        now = asyncio.get_running_loop().time
        async with connect(url, ASKS_IN, role="A", open_timeout=None) as chat:
            for number in count(1):
                await asyncio.sleep(ASK_PAUSE)
                if over.is_set():
                    return
                self.asked += 1
                begun = now()
                self.answered += await self._ask(chat, number)
                self.longest = max(self.longest, now() - begun)

    async def _ask(self, chat: Session, number: int) -> bool:
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                await (await chat.ask(f"{number}: 지금 몇 시인가요?"))
        except (TimeoutError, ChatError):
            return False
        return True
