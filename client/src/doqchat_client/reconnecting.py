"""Connects to a session, and reconnects."""

import asyncio
import enum
import logging
from collections.abc import Callable
from typing import NoReturn

from doqchat_client.connection import Address, opened
from doqchat_client.exceptions import ChatError, Disconnected, ProtocolError, Unauthenticated, Unreachable
from doqchat_client.exchange import Exchange, TypingState
from doqchat_client.feed import Feed
from doqchat_client.pending import SendQueue
from doqchat_client.waiting import Backoff

log = logging.getLogger("doqchat_client")

EXPIRED = 4401
MOST_REFUSED_TOKENS = 5
"""Maximum number of consecutive refused tokens."""


class State(enum.Enum):
    """The state of a session's connection."""

    CONNECTING = "connecting"
    """Connecting, or waiting for the next attempt."""
    OPEN = "open"
    CLOSED = "closed"
    """Closed; the client does not reconnect."""


StateHook = Callable[[State, ChatError | None], None]


class Reconnector:
    """Connects and reconnects until a permanent close code.

    Args:
        address: the address of the session.
        feed, messages, actions, typing: state that outlives connections.
        on_state: called with each new state and its cause.

    Attributes:
        state: the current state.
        joined: set by the first welcome.
    """

    def __init__(
        self,
        address: Address,
        feed: Feed,
        messages: SendQueue,
        actions: SendQueue,
        typing: TypingState,
        on_state: StateHook | None,
    ) -> None:
        self.state: State | None = None
        self.joined = asyncio.Event()
        self._address = address
        self._feed = feed
        self._messages = messages
        self._actions = actions
        self._typing = typing
        self._on_state = on_state
        self._backoff = Backoff()
        self._refused_tokens = 0
        self._lost: Disconnected | Unauthenticated | None = None

    async def run(self) -> NoReturn:
        """Connect, and reconnect after each disconnect.

        Raises:
            ServerError: the server refuses to go on.
            ChatError, ValueError: the token's callable stops it.
        """
        self.enter(State.CONNECTING)
        while True:
            try:
                await self._connect()
            except Disconnected as error:
                self._lost = error
                wait = self._backoff.after(error)
            except Unauthenticated as error:
                self._refused_tokens += 1
                if error.close_code != EXPIRED or not self._can_renew():
                    raise
                self._lost = error
                wait = self._backoff.next()
            level = logging.WARNING if isinstance(self._lost, ProtocolError) else logging.INFO
            log.log(level, "Session %s: %s; reconnecting in %.1f s.", self._address.sid, self._lost, wait)
            self.enter(State.CONNECTING, self._lost)
            await asyncio.sleep(wait)

    async def first_welcome(self, timeout: float | None) -> None:
        """Return once the session was joined.

        Args:
            timeout: in seconds; None waits forever.

        Raises:
            Unreachable: it was not joined in that time.
        """
        try:
            async with asyncio.timeout(timeout):
                await self.joined.wait()
        except TimeoutError:
            why = "" if self._lost is None else f": {self._lost}"
            raise Unreachable(f"The session was not joined within {timeout:g} s{why}.") from self._lost

    def enter(self, state: State, reason: ChatError | None = None) -> None:
        """Set the state and call the hook, whose exceptions are logged."""
        if self.state is State.CLOSED or (state is self.state and reason is None):
            return
        self.state = state
        if self._on_state is None:
            return
        try:
            self._on_state(state, reason)
        except Exception:
            log.exception("on_state failed.")

    def _can_renew(self) -> bool:
        return callable(self._address.token) and self._refused_tokens < MOST_REFUSED_TOKENS

    async def _connect(self) -> None:
        async with opened(self._address, self._feed.begin()) as (connection, welcome):
            self._backoff.reset()
            self._refused_tokens = 0
            self.enter(State.OPEN)
            self.joined.set()
            exchange = Exchange(connection, self._address, self._feed, self._messages, self._actions, self._typing)
            await exchange.run(welcome)
