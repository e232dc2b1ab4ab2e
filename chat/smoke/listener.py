"""A client that only listens, on a plain WebSocket."""

import json
from contextlib import AsyncExitStack, suppress
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from doqchat_client import Event
from doqchat_client.cursor import order
from doqchat_client.events import read
from doqchat_client.exceptions import ProtocolError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from chat.smoke.player import OPEN_SECONDS, SOCKET, Failed, Player, refused, token_for
from doqchat.protocol.names import DEFAULT_ROLE


class Listener(Player):
    """A plain WebSocket, basic profile; the reference client would hide missing, duplicate or reordered events."""

    def __init__(self, name: str, play: str, connection: ClientConnection) -> None:
        super().__init__(name, play)
        self._connection = connection
        self._last: str | None = None

    async def hear_nothing_more(self) -> list[Event]:
        """Messages of this run that arrive before the pong to a ping that is sent now."""
        with suppress(ConnectionClosed):  # frames before the close are still to be read
            await self._connection.send(json.dumps({"hd": {"event": "ping"}, "bd": {"play": self._play}}))
        heard = []
        while (event := await self._next()).event != "pong":
            if self._is_ours(event):
                heard.append(event)
        return heard

    async def _receive(self) -> Event:
        try:
            event = read(await self._connection.recv(decode=True))
            self._follow(event)
        except ConnectionClosed as closed:
            problem = _("The server closed the connection of {name} with code {code}.")
            code = closed.rcvd.code if closed.rcvd else 1006
            raise Failed(problem.format(name=self.name, code=code)) from closed
        except (ProtocolError, UnicodeDecodeError) as error:
            raise Failed(
                _("The server sent {name} an invalid event: {reason}").format(name=self.name, reason=error)
            ) from error
        if event.event == "error":
            raise refused(self.name, str(event.bd.get("message")))
        return event

    def _follow(self, event: Event) -> None:
        """Check that a stored event directly follows the previous one."""
        if event.id is None:
            return
        if self._last is not None and (event.prev != self._last or order(event.id) <= order(self._last)):
            problem = _("{name} got event {id} after {last}: an event is missing, duplicated or out of order.")
            raise Failed(problem.format(name=self.name, id=event.id, last=self._last))
        self._last = event.id


async def listen(stack: AsyncExitStack, name: str, url: str, sid: str, play: str) -> Listener:
    """A listener in a session until the end of the stack; raises Failed."""
    if not url.endswith(SOCKET):
        raise _no_address(url)
    token = token_for(sid, DEFAULT_ROLE)
    address = f"{url}?{urlencode({'sid': sid})}"
    try:
        opening = connect(
            address,
            additional_headers={"Authorization": f"Bearer {token}"} if token else None,
            open_timeout=OPEN_SECONDS,
            close_timeout=1,
            compression=None,
            proxy=None,
        )
        listener = Listener(name, play, await stack.enter_async_context(opening))
    except (InvalidURI, ValueError):
        raise _no_address(url) from None
    except (InvalidHandshake, EOFError) as error:
        problem = _("{url} is not a doqchat socket ({reason}). Check --url.")
        raise Failed(problem.format(url=url, reason=error)) from error
    except OSError as error:
        problem = _("The server is not running at {url}. Start it with `make run`, then try again.")
        raise Failed(problem.format(url=url)) from error
    await listener.hear_nothing_more()
    return listener


def _no_address(url: str) -> Failed:
    problem = _("{url} is not the URL of a socket, such as ws://localhost:3000{path}.")
    return Failed(problem.format(url=url, path=SOCKET))
