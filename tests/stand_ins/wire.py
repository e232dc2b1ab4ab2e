"""As much HTTP/1.1 as a stand-in needs, with a hand on the connection itself: it can be broken at any byte."""

import asyncio
import json
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn, Self


class BrokenConnectionError(Exception):
    """The connection ended before its answer did."""


@dataclass(frozen=True)
class Request:
    """A request as it came; names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The connection's next request, None when it ends."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError:
        return None
    method, target, _version = first.split(" ")
    return Request(method, target, headers, body)


class Response:
    """Writes one answer: whole by `json` or `html`, or in parts by `start`, `part` and `end`."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def json(self, status: int, value: Any) -> None:
        await self._whole(status, "application/json; charset=UTF-8", json.dumps(value, ensure_ascii=False))

    async def html(self, status: int, page: str) -> None:
        await self._whole(status, "text/html; charset=UTF-8", page)

    async def start(self, content_type: str) -> None:
        await self._write(self._head(200, content_type, "transfer-encoding: chunked"))

    async def part(self, text: str) -> None:
        data = text.encode()
        if data:
            await self._write(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self, text: str = "") -> None:
        await self.part(text)
        await self._write(b"0\r\n\r\n")

    async def raw(self, data: bytes) -> None:
        """Writes bytes as they are, whatever they mean in HTTP."""
        await self._write(data)

    def abort(self) -> NoReturn:
        """Resets the connection, with whatever has not been sent yet."""
        self._writer.transport.abort()
        raise BrokenConnectionError

    def leave_off(self) -> NoReturn:
        """Closes the connection before the end of the answer; what was sent of it arrives."""
        self._writer.close()
        raise BrokenConnectionError

    async def _whole(self, status: int, content_type: str, text: str) -> None:
        data = text.encode()
        await self._write(self._head(status, content_type, f"content-length: {len(data)}") + data)

    async def _write(self, data: bytes) -> None:
        if self._writer.is_closing():  # asyncio lets it pass, uvloop calls it a RuntimeError
            raise ConnectionResetError
        self._writer.write(data)
        await self._writer.drain()

    def _head(self, status: int, content_type: str, length: str) -> bytes:
        line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
        return f"{line}\r\ncontent-type: {content_type}\r\n{length}\r\n\r\n".encode()


class Server(ABC):
    """Listens on loopback while its `async with` block runs; `origin` is its address. Port 0 takes a free one."""

    def __init__(self, port: int = 0) -> None:
        self.origin = ""
        self._port = port
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._serving)

    @abstractmethod
    async def answer(self, request: Request, response: Response, reader: asyncio.StreamReader) -> None:
        """Answers one request of a connection; `reader` tells when the client goes away meanwhile."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self.origin = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._server.close()
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        try:
            with suppress(BrokenConnectionError, ConnectionError, asyncio.CancelledError):
                while request := await read_request(reader):
                    await self.answer(request, Response(writer), reader)
        finally:
            self._serving.discard(task)
            writer.close()
