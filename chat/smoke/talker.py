"""A client that uses the reference client."""

from contextlib import AsyncExitStack

from django.utils.translation import gettext as _
from doqchat_client import Event, ServerError, Session, Undelivered, Welcome, connect
from doqchat_client.exceptions import Unreachable

from chat.smoke import player
from chat.smoke.player import OPEN_SECONDS, SOCKET, Failed, Player, refused, token_for


class Talker(Player):
    """The reference client recovers from failures; a second welcome shows that one has occurred."""

    def __init__(self, name: str, play: str, session: Session) -> None:
        super().__init__(name, play)
        self._session = session
        self._welcomed = False

    async def say(self, text: str) -> str:
        """Send a message; its id, once it is acknowledged."""
        try:
            return (await self._session.send(text)).id
        except Undelivered:
            problem = _("The server did not acknowledge a message of {name} within {seconds:g} seconds.")
            raise Failed(problem.format(name=self.name, seconds=player.ANSWER_SECONDS)) from None
        except ServerError as error:
            raise refused(self.name, error.message) from error

    async def leave(self) -> None:
        """Leave the session."""
        await self._session.close()

    async def _receive(self) -> Event:
        try:
            event = await anext(self._session)
        except ServerError as error:
            raise refused(self.name, error.message) from error
        if isinstance(event, Welcome):
            if self._welcomed:
                problem = _("{name} had to reconnect: the connection broke, or an event was missing.")
                raise Failed(problem.format(name=self.name))
            self._welcomed = True
        return event


async def talk(stack: AsyncExitStack, name: str, url: str, sid: str, play: str, since: str | None = None) -> Talker:
    """A talker in a session until the end of the stack, optionally with a replay; raises Failed."""
    joining = connect(
        url.removesuffix(SOCKET),
        sid,
        role=name,
        since=since,
        token=token_for(sid, name),
        timeout=player.ANSWER_SECONDS,
        open_timeout=OPEN_SECONDS,
    )
    try:
        session = await stack.enter_async_context(joining)
    except Unreachable:
        problem = _("The server did not send {name} a session.welcome within {seconds:g} seconds.")
        raise Failed(problem.format(name=name, seconds=OPEN_SECONDS)) from None
    except ServerError as error:
        raise refused(name, error.message) from error
    return Talker(name, play, session)
