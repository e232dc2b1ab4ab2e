"""A session over any number of connections."""

import asyncio
import logging
from typing import NoReturn

from doqchat_client.backoff import Backoff
from doqchat_client.connection import Address, Cut, opened
from doqchat_client.conversation import Conversation
from doqchat_client.events import Malformed
from doqchat_client.inbox import Inbox
from doqchat_client.order import Position
from doqchat_client.outbox import Outbox
from doqchat_client.typing_state import TypingState

log = logging.getLogger("doqchat_client")


class Session:
    """Connects, and connects again, until the server says not to come back.

    Args:
        address: where to.
        since: where to begin; None begins with what comes next.
        inbox, outbox, typing: what the program reads and sends.

    Attributes:
        joined: set by the first welcome.
    """

    def __init__(self, address: Address, since: str | None, inbox: Inbox, outbox: Outbox, typing: TypingState) -> None:
        self.joined = asyncio.Event()
        self._address = address
        self._position = Position(since)
        self._inbox = inbox
        self._outbox = outbox
        self._typing = typing

    async def run(self) -> NoReturn:
        """Follow the session; raises ServerError when the server will not have us."""
        backoff = Backoff()
        while True:
            try:
                await self._connect(backoff)
            except Cut as cut:
                wait = backoff.after(cut.close_code)
                log.info("Session %s: %s; another try in %.1f s.", self._address.sid, cut, wait)
                await asyncio.sleep(wait)
            except Malformed as error:
                wait = backoff.next()
                log.warning("Session %s: %s Another try in %.1f s.", self._address.sid, error, wait)
                await asyncio.sleep(wait)

    async def _connect(self, backoff: Backoff) -> None:
        # With no room for events and something to send, a replay would only be dropped.
        dropping = self._outbox.filled.is_set() and not self._inbox.room.is_set()
        since = None if dropping else self._position.last
        async with opened(self._address, since) as (connection, welcome):
            backoff.reset()
            self.joined.set()
            conversation = Conversation(
                connection, self._position, self._inbox, self._outbox, self._typing, dropping=dropping
            )
            await conversation.hold(welcome)
