"""Parses responses in a protocol. A StreamReader would wake a task for each one, an event-loop iteration later."""

import asyncio
from typing import Any

import hiredis
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import InvalidResponse


class Received(asyncio.Protocol):
    """Parses the responses on a connection that redis-py has opened, and passes them to `take` one by one.

    Args:
        decode: whether responses are decoded to text.

    Attributes:
        ended: whether the connection was closed or an error has ended it.
    """

    def __init__(self, *, decode: bool) -> None:
        self.ended = False
        self.transport: asyncio.Transport | None = None
        encoding = {"encoding": "utf-8", "errors": "replace"} if decode else {}
        self._reader = hiredis.Reader(protocolError=InvalidResponse, replyError=BaseParser.parse_error, **encoding)

    def take_over(self, connection: Any) -> None:
        """Become the protocol of the connection, when redis-py awaits no more responses on it."""
        transport: asyncio.Transport = connection._writer.transport
        self.transport = transport
        transport.set_protocol(self)
        if transport.is_closing():  # connection_lost may have been called before
            self.end(StoreConnectionError("The connection to the store was closed during setup."))

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        self._reader.feed(data)
        self.go_on()

    def go_on(self) -> None:
        """Pass complete responses to `take`."""
        try:
            while (answer := self._reader.gets()) is not False and self.take(answer):
                pass
        except Exception as error:
            self.end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """End with a ConnectionError."""
        self.end(StoreConnectionError(f"The connection to the store was lost: {exc or 'it was closed'}."))

    def take(self, answer: Any) -> bool:
        """Handle a response, which may be an exception; returns whether to pass the next one immediately."""
        raise NotImplementedError

    def end(self, error: Exception) -> None:
        """Handle the end of the connection."""
        self.ended = True
