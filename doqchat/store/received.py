"""What a server sends, read without a stream: a stream wakes a task for each answer, in the next turn of the loop."""

import asyncio
from typing import Any

import hiredis
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import InvalidResponse


class Received(asyncio.Protocol):
    """Parses what the server sends on a connection that redis-py has made, and hands on one answer after the other.

    Args:
        decode: whether answers become text.

    Attributes:
        ended: whether the connection has ended, or what came on it could not be taken.
    """

    def __init__(self, *, decode: bool) -> None:
        self.ended = False
        self.transport: asyncio.Transport | None = None
        encoding = {"encoding": "utf-8", "errors": "replace"} if decode else {}
        self._reader = hiredis.Reader(protocolError=InvalidResponse, replyError=BaseParser.parse_error, **encoding)

    def take_over(self, connection: Any) -> None:
        """Read from here on; redis-py has had the answers to all that it has asked."""
        transport: asyncio.Transport = connection._writer.transport
        self.transport = transport
        transport.set_protocol(self)
        if transport.is_closing():  # its end may have been reported before
            self.end(StoreConnectionError("The connection to the store ended as it was made."))

    def data_received(self, data: bytes) -> None:
        """Take what the server has sent."""
        self._reader.feed(data)
        self.go_on()

    def go_on(self) -> None:
        """Hand on what is complete."""
        try:
            while (answer := self._reader.gets()) is not False and self.take(answer):
                pass
        except Exception as error:
            self.end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        self.end(StoreConnectionError(f"The connection to the store ended: {exc or 'it was closed'}."))

    def take(self, answer: Any) -> bool:
        """Take an answer, which may be an exception; returns whether the next one may follow at once."""
        raise NotImplementedError

    def end(self, error: Exception) -> None:
        """Take nothing more."""
        self.ended = True
