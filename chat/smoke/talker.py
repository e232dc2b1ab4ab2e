"""Somebody who talks and follows through the reference client."""

import asyncio
from contextlib import AsyncExitStack

from django.utils.translation import gettext as _
from doqchat_client import Client, Event, ServerError, Undelivered

from chat.smoke import player
from chat.smoke.player import OPEN_SECONDS, SOCKET, Failed, Player, refused


class Talker(Player):
    """The client mends by itself what breaks on the way; a second welcome tells that something did."""

    def __init__(self, name: str, play: str, client: Client) -> None:
        super().__init__(name, play)
        self._client = client
        self._welcomed = False

    async def say(self, text: str) -> str:
        """Send a message; its id, once it is acknowledged."""
        try:
            return (await self._client.send(text)).id
        except Undelivered:
            problem = _("The server did not acknowledge what {name} sent within {seconds:g} seconds.")
            raise Failed(problem.format(name=self.name, seconds=player.ANSWER_SECONDS)) from None
        except ServerError as error:
            raise refused(self.name, error.message) from error

    async def leave(self) -> None:
        """Go away."""
        await self._client.close()

    async def _receive(self) -> Event:
        try:
            event = await anext(self._client)
        except ServerError as error:
            raise refused(self.name, error.message) from error
        if event.event == "session.welcome":
            if self._welcomed:
                problem = _("{name} had to begin again: the connection broke, or an event was missing.")
                raise Failed(problem.format(name=self.name))
            self._welcomed = True
        return event


async def talk(stack: AsyncExitStack, name: str, url: str, sid: str, play: str, since: str | None = None) -> Talker:
    """Somebody who talks in a session, or comes back to it, from here to the end of the stack; raises Failed."""
    client = Client(url.removesuffix(SOCKET), sid=sid, role=name, since=since, deadline=player.ANSWER_SECONDS)
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await stack.enter_async_context(client)
    except TimeoutError:
        problem = _("The server did not welcome {name} within {seconds:g} seconds.")
        raise Failed(problem.format(name=name, seconds=OPEN_SECONDS)) from None
    except ServerError as error:
        raise refused(name, error.message) from error
    return Talker(name, play, client)
