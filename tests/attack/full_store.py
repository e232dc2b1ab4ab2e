"""`--only memory`: a client fills the memory of the store until it refuses writes, and others read on."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.attack.attacks.storage import FILLER
from tests.attack.seeds import SAID
from tests.attack.site import Site, site
from tests.attack.visitors import replayed
from tests.client import Client
from tests.processes import Web

MAXMEMORY = "48mb"
UNLIMITED = "CONNECTION_CHARACTERS=none,ROLE_BYTES=none,SESSION_BYTES=none"
"""One connection may fill the store."""

MOST_MESSAGES = 2_000
"""More of 60 kB than MAXMEMORY holds."""

ANSWERED_WITHIN = 15.0  # seconds
NOTHING = "no answer"


@dataclass(frozen=True)
class Full:
    """What was found once the store was full.

    Attributes:
        stored: how many messages of the client that fills it were stored.
        refused, others_refused: the error code that its next message got, and that a message of another client got.
        ready: the status of `/readyz`.
        history: the status of the history of another session.
        joined: what was wrong with joining that session, or None.
        ended: the processes that have ended.
    """

    stored: int
    refused: str
    others_refused: str
    ready: int
    history: int
    joined: str | None
    ended: tuple[str, ...] = ()

    def missed(self) -> list[str]:
        """A sentence for each target that was missed."""
        sentences = [f"{name} has ended." for name in self.ended]
        if not self.stored:
            sentences.append("Nothing was stored before the store was full.")
        if self.refused != "unavailable":
            sentences.append(f"The sender got {self.refused}, not unavailable.")
        if self.others_refused != "unavailable":
            sentences.append(f"Another sender got {self.others_refused}, not unavailable.")
        if self.ready != 503:
            sentences.append(f"/readyz answered {self.ready}, not 503.")
        if self.history != 200:
            sentences.append(f"The history answered {self.history}, not 200.")
        if self.joined is not None:
            sentences.append(f"Joining went wrong: {self.joined}.")
        return sentences


def fill(server: str, say: Callable[[str], None]) -> Full:
    """Start a site with a small store on the server, fill it, end it."""
    with (
        tempfile.TemporaryDirectory(prefix="doqchat-attack-") as folder,
        site(server, Path(folder), MAXMEMORY, UNLIMITED) as running,
    ):
        full = uvloop.run(_fill(running))
    say(f"{server}: {full}")
    return full


async def _fill(running: Site) -> Full:
    web = running.web
    # Connected before the store is full, as people are who have been talking.
    async with _member(web, "attack-storage") as filler, _member(web, "probe-0") as other:
        stored, refused = await _send_until_refused(filler)
        _, others_refused = await _send_until_refused(other)
        return Full(
            stored,
            refused,
            others_refused,
            ready=await asyncio.to_thread(_status, f"{web.http}/readyz"),
            history=await asyncio.to_thread(_status, f"{web.http}/api/chat/history/{SAID}"),
            joined=await _join(web),
            ended=tuple(one.name for one in (web.process, running.store.process) if not one.running),
        )


def _member(web: Web, sid: str) -> connect:
    url = f"{web.ws}/v1/session/chat?sid={sid}"
    return connect(url, subprotocols=[Subprotocol("doqchat.v1")], compression=None, proxy=None)


async def _send_until_refused(socket: ClientConnection) -> tuple[int, str]:
    """Send large messages; how many were stored, and the code that the next one got."""
    client = Client(socket)
    for number in range(MOST_MESSAGES):
        try:
            await client.say(str(number), msg_id=f"m-{number}", x=FILLER * "a")
            answer = await client.recv_event("chat.ack", "error")
        except (OSError, WebSocketException):
            return number, NOTHING
        if answer["hd"]["event"] == "error":
            return number, answer["bd"]["code"]
    return MOST_MESSAGES, "an acknowledgement"


async def _join(web: Web) -> str | None:
    try:
        async with asyncio.timeout(ANSWERED_WITHIN), _member(web, f"{SAID}&since=0") as socket:
            return await replayed(socket)
    except TimeoutError:
        return NOTHING
    except (OSError, WebSocketException) as error:
        return f"{type(error).__name__}: {error}"


def _status(url: str) -> int:
    try:
        with urlopen(url, timeout=ANSWERED_WITHIN) as response:
            return response.status
    except HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0
