"""People who talk in a session of a deployed site and ask its model, and a visitor who opens its pages."""

import asyncio
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain

from doqchat_client import ReplyDone, ReplyError, Session, connect

PAUSE = 0.1
"""Seconds between two messages, and between two looks at a page."""

ASKS_EVERY = 10
"""Every so many messages A asks the model, unless an answer is still to come."""


class Talker:
    """One person in one session.

    Attributes:
        stored: the id of everything that was acknowledged, in order.
        asked: the ids of the requests among them.
        seen: the id of every stored event that was received, in order.
        answered: the request that each reply received was for.
        silent: set when the last message is acknowledged.
    """

    def __init__(self, url: str, sid: str, role: str) -> None:
        self._url, self._sid, self._role = url, sid, role
        self.stored: list[str] = []
        self.asked: list[str] = []
        self.seen: list[str] = []
        self.answered: list[str] = []
        self.silent = asyncio.Event()
        self._news = asyncio.Condition()

    async def talk(self, enough: asyncio.Event, pair: Sequence["Talker"]) -> None:
        """Talk until it is enough, and listen until all that the pair has said is seen and answered."""
        async with (
            connect(self._url, self._sid, role=self._role, since="0", open_timeout=None) as chat,
            asyncio.TaskGroup() as group,
        ):
            listening = group.create_task(self._listen(chat))
            number = 0
            while not enough.is_set():
                number += 1
                await self._say(chat, number)
                await asyncio.sleep(PAUSE)
            self.silent.set()
            for each in pair:
                await each.silent.wait()
            stored = set(chain.from_iterable(each.stored for each in pair))
            asked = set(chain.from_iterable(each.asked for each in pair))
            await self.until(lambda: stored <= set(self.seen) and asked <= set(self.answered))
            listening.cancel()

    async def until(self, fact: Callable[[], bool]) -> None:
        """Returns when it is so; looks whenever something was stored or received."""
        async with self._news:
            await self._news.wait_for(fact)

    async def _say(self, chat: Session, number: int) -> None:
        asks = self._role == "A" and number % ASKS_EVERY == 0 and set(self.asked) <= set(self.answered)
        if asks:
            stored = (await chat.ask("What was said so far?")).request_id
        else:
            stored = (await chat.send(f"{self._role} {number}")).id
        async with self._news:
            self.stored.append(stored)
            self.asked += [stored] if asks else []
            self._news.notify_all()

    async def _listen(self, chat: Session) -> None:
        async for event in chat:
            if event.id is None:
                continue
            async with self._news:
                self.seen.append(event.id)
                if isinstance(event, ReplyDone | ReplyError):
                    self.answered.append(event.request_id)
                self._news.notify_all()


async def visit(address: str, enough: asyncio.Event) -> list[int]:
    """Open a page again and again until it is enough; the statuses of the answers."""
    statuses = []
    while not enough.is_set():
        statuses.append(await asyncio.to_thread(_status, address))
        with suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), PAUSE)
    return statuses


def _status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, context=ssl.create_default_context()) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
