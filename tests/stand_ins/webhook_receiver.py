"""A backend that receives webhooks: a real HTTP server, which answers as the test says."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tests.client import WITHIN
from tests.stand_ins.wire import Request, Response, Server

Webhook = dict[str, Any]


class WebhookReceiver(Server):
    """Keeps what it receives. It answers each request with what `decide` returns: a status, or None for no answer."""

    def __init__(self, decide: Callable[[Webhook], int | None] = lambda _: 204) -> None:
        super().__init__()
        self.decide = decide
        self.requests: list[Request] = []
        self.arrived: asyncio.Queue[Webhook] = asyncio.Queue()

    @property
    def url(self) -> str:
        return f"{self.origin}/hook"

    async def answer(self, request: Request, response: Response, reader: asyncio.StreamReader) -> None:
        webhook = json.loads(request.body)
        self.requests.append(request)
        status = self.decide(webhook)
        self.arrived.put_nowait(webhook | {"answered": status})
        if status is None:
            await reader.read()
        else:
            await response.raw(f"HTTP/1.1 {status} Status\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n".encode())

    async def next(self, kind: str | None = None) -> Webhook:
        """The next webhook that it receives, of one type if that is given."""
        async with asyncio.timeout(WITHIN):
            while True:
                webhook = await self.arrived.get()
                if kind in (None, webhook["type"]):
                    return webhook
