"""A play in five messages that shows whether a running server does its job."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from doqchat.protocol.ids import order

SCRIPT = (
    ("A", "안녕하세요! 😊"),
    ("B", "네, 반갑습니다. 잘 들려요 👋"),
    ("A", "こんにちは、聞こえますか？"),
    ("B", "听得很清楚！"),
    ("A", "Good. Until next time 🎉"),
)
OPEN_SECONDS = 5.0
ANSWER_SECONDS = 5.0


class Failed(Exception):
    """What did not go as it should, in one sentence."""


@dataclass
class Player:
    """One connection, with the name it goes by in reports."""

    name: str
    connection: ClientConnection
    play: str

    async def say(self, role: str, text: str) -> None:
        """Send a message, as a bare client does."""
        await self._send({"hd": {"event": "chat.message", "role": role}, "bd": {"text": text}})

    async def hear(self) -> dict[str, Any]:
        """The next message of this play; what others say in the session is passed over."""
        while True:
            frame = await self._receive()
            if self._is_ours(frame):
                return frame

    async def hear_nothing_more(self) -> list[str]:
        """Messages of this play that still come before the answer to a ping, which is sent after all of them."""
        await self._send({"hd": {"event": "ping"}, "bd": {"play": self.play}})
        heard = []
        while (frame := await self._receive())["hd"]["event"] != "pong":
            if self._is_ours(frame):
                heard.append(frame["bd"]["text"])
        return heard

    def _is_ours(self, frame: dict[str, Any]) -> bool:
        return frame["hd"]["event"] == "chat.message" and self.play in frame["bd"]["text"]

    async def _send(self, envelope: dict[str, Any]) -> None:
        try:
            await self.connection.send(json.dumps(envelope, ensure_ascii=False))
        except ConnectionClosed as closed:
            raise self._lost(closed) from closed

    async def _receive(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                frame: dict[str, Any] = json.loads(await self.connection.recv())
        except TimeoutError:
            problem = _("{name} got nothing for {seconds:g} seconds, though there was something to get.")
            raise Failed(problem.format(name=self.name, seconds=ANSWER_SECONDS)) from None
        except ConnectionClosed as closed:
            raise self._lost(closed) from closed
        if frame["hd"]["event"] == "error":
            problem = _("The server refused what {name} sent: {message}")
            raise Failed(problem.format(name=self.name, message=frame["bd"]["message"]))
        return frame

    def _lost(self, closed: ConnectionClosed) -> Failed:
        code = closed.rcvd.code if closed.rcvd else 1006
        return Failed(
            _("The server closed the connection of {name} with code {code}.").format(name=self.name, code=code)
        )


async def perform(url: str, sid: str) -> AsyncIterator[str]:
    """A and B talk in a session while somebody sits in another; yields a line for each step that went well.

    Raises Failed.
    """
    play = secrets.token_hex(4)
    async with AsyncExitStack() as stack:
        a = await _enter(stack, url, sid, "A", play)
        b = await _enter(stack, url, sid, "B", play)
        outsider = await _enter(stack, url, f"outside-{play}", _("the outsider"), play)
        yield _("A and B are connected to {sid}, and an outsider to another session.").format(sid=sid)
        last = (0, 0)
        for number, (role, words) in enumerate(SCRIPT, 1):
            text = f"{words} ({play}-{number})"
            await {"A": a, "B": b}[role].say(role, text)
            last = _check([a, b], [await a.hear(), await b.hear()], role, text, last)
            yield f"{number}/{len(SCRIPT)}  {role}: {words}"
        await _check_silence([a, b], outsider)
        yield _("In order, each exactly once, and the outsider heard nothing.")


async def _enter(stack: AsyncExitStack, url: str, sid: str, name: str, play: str) -> Player:
    address = f"{url}{'&' if '?' in url else '?'}{urlencode({'sid': sid})}"
    try:
        opening = connect(address, open_timeout=OPEN_SECONDS, close_timeout=1, compression=None, proxy=None)
        return Player(name, await stack.enter_async_context(opening), play)
    except InvalidURI:
        raise Failed(_("{url} is not the address of a socket; those begin with ws://.").format(url=url)) from None
    except (InvalidHandshake, EOFError) as error:
        problem = _("What answers at {url} is not doqchat's socket ({reason}). Check --url.")
        raise Failed(problem.format(url=url, reason=error)) from error
    except OSError as error:
        problem = _("The server is not running at {url}. Start it with `make run`, then try again.")
        raise Failed(problem.format(url=url)) from error


def _check(
    players: Sequence[Player], heard: Sequence[dict[str, Any]], role: str, text: str, last: tuple[int, int]
) -> tuple[int, int]:
    """That all heard what was said, after what was said before; the place of it in the session."""
    for player, frame in zip(players, heard, strict=True):
        if (frame["hd"]["role"], frame["bd"]["text"]) != (role, text):
            problem = _("{name} should have got “{text}” and got “{other}”.")
            raise Failed(problem.format(name=player.name, text=text, other=frame["bd"]["text"]))
    ids = {frame["hd"]["id"] for frame in heard}
    place = order(min(ids))
    if len(ids) > 1 or place <= last:
        raise Failed(_("“{text}” has ids out of order: {ids}.").format(text=text, ids=", ".join(sorted(ids))))
    return place


async def _check_silence(players: Sequence[Player], outsider: Player) -> None:
    for player in players:
        if twice := await player.hear_nothing_more():
            raise Failed(_("{name} got “{text}” twice.").format(name=player.name, text=twice[0]))
    if leaked := await outsider.hear_nothing_more():
        raise Failed(_("A client of another session got “{text}”.").format(text=leaked[0]))
