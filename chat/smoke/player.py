"""Somebody in the play."""

import asyncio
from abc import ABC, abstractmethod

from django.utils.translation import gettext as _
from doqchat_client import Event

from doqchat.protocol.names import SOCKET_PATH

SOCKET = f"/{SOCKET_PATH}"
OPEN_SECONDS = 5.0
ANSWER_SECONDS = 5.0


class Failed(Exception):
    """What did not go as it should, in one sentence."""


class Player(ABC):
    """Somebody in a session.

    Args:
        name: what they are called in reports.
        play: a word that all messages of this play have in them, and no others.
    """

    def __init__(self, name: str, play: str) -> None:
        self.name = name
        self._play = play

    async def hear(self) -> Event:
        """The next message of this play; what others say in the session is passed over."""
        while not self._is_ours(event := await self._next()):
            pass
        return event

    async def _next(self) -> Event:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._receive()
        except TimeoutError:
            problem = _("{name} did not get an expected message within {seconds:g} seconds.")
            raise Failed(problem.format(name=self.name, seconds=ANSWER_SECONDS)) from None

    @abstractmethod
    async def _receive(self) -> Event:
        """The next event, however long it takes; raises Failed."""

    def _is_ours(self, event: Event) -> bool:
        return event.event == "chat.message" and self._play in str(event.bd.get("text"))


def refused(name: str, message: str) -> Failed:
    """What the server said to somebody, who should have been welcome."""
    return Failed(_("The server refused {name}: {message}").format(name=name, message=message))
