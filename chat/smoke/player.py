"""A client in the smoke test."""

import asyncio
from abc import ABC, abstractmethod

from django.utils.translation import gettext as _
from doqchat_client import Event

from doqchat.access.tokens import mint
from doqchat.conf import access_mode, token_key
from doqchat.protocol.names import SOCKET_PATH

SOCKET = f"/{SOCKET_PATH}"
OPEN_SECONDS = 5.0
ANSWER_SECONDS = 5.0
TOKEN_SECONDS = 600.0


class Failed(Exception):
    """A failed check, in one sentence."""


class Player(ABC):
    """A client in a session.

    Args:
        name: its name in reports.
        play: a token that marks the messages of this run.
    """

    def __init__(self, name: str, play: str) -> None:
        self.name = name
        self._play = play

    async def hear(self) -> Event:
        """The next message of this run; other messages in the session are ignored."""
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
        """The next event, without a timeout; raises Failed."""

    def _is_ours(self, event: Event) -> bool:
        return event.event == "chat.message" and self._play in str(event.bd.get("text"))


def token_for(sid: str, role: str) -> str | None:
    """A token for a session of this site; None with open access."""
    if access_mode() == "open":
        return None
    return mint(token_key(), {"sid": sid, "role": role}, TOKEN_SECONDS)


def refused(name: str, message: str) -> Failed:
    """The failure for an error that the server has sent."""
    return Failed(_("The server refused {name}: {message}").format(name=name, message=message))
