"""Django's ASGI handler, in two threads of a process, whose requests are freed without the garbage collector."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

ADMIN = "/admin/"
ADMIN_AT_ONCE = 64
"""Maximum number of admin requests that are served or queued; further ones get 503."""

BUSY = """관리자 페이지에 요청이 너무 많습니다. 잠시 뒤에 다시 시도하세요.
There are too many requests to the admin. Try again in a moment.
"""

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Handler(ASGIHandler):
    """Django's, with one thread for requests to the admin and one for all others.

    Django starts a thread for each request. Concurrent threads compete with the event loop for the GIL, and for the
    cores while they hash passwords, which delays every message. In one thread requests run one after the other, also
    those whose client has disconnected. Requests outside the admin need their thread only for microseconds, for the
    middleware and for rendering a page.
    """

    def __init__(self) -> None:
        super().__init__()
        self._admin = ThreadPoolExecutor(max_workers=1, thread_name_prefix="admin")
        self._others = ThreadPoolExecutor(max_workers=1, thread_name_prefix="requests")
        self._admin_present = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["path"].removeprefix(scope.get("root_path", "")).startswith(ADMIN):
            await self._serve_admin(scope, receive, send)
        else:
            async with ThreadSensitiveContext(executor=self._others):
                await self.handle(scope, receive, send)

    async def _serve_admin(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if self._admin_present >= ADMIN_AT_ONCE:
            headers = {"Retry-After": "5"}
            busy = HttpResponse(BUSY, status=503, content_type="text/plain; charset=utf-8", headers=headers)
            await self.send_response(busy, send)
            return
        self._admin_present += 1
        try:
            async with ThreadSensitiveContext(executor=self._admin):
                await self.handle(scope, receive, send)
        finally:
            self._admin_present -= 1

    async def handle(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request; its view is cancelled when the client disconnects.

        Django's own leaves a cycle with every request: an exception whose traceback refers to the frame that holds it.
        """
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with closing(body):
            set_script_prefix(get_script_prefix(scope))
            await request_started.asend(sender=type(self), scope=scope)
            match self.create_request(scope, body):
                case None, refusal:
                    await self._send(refusal, send)
                case request, None:
                    await _unless_disconnected(self._answer(request, send), receive)

    async def _answer(self, request: HttpRequest, send: Send) -> None:
        try:
            response = await self.run_get_response(request)
        except asyncio.CancelledError:
            await request_finished.asend(sender=type(self))
            raise
        await self._send(response, send)

    async def _send(self, response: HttpResponseBase, send: Send) -> None:
        try:
            await self.send_response(response, send)
        finally:
            await sync_to_async(response.close)()


async def _unless_disconnected(answering: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Answer a request whose body has been read, or cancel that when the client disconnects."""
    answer, disconnect = asyncio.create_task(answering), asyncio.ensure_future(receive())
    try:
        await asyncio.wait([answer, disconnect], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (answer, disconnect):
            task.cancel()
        await asyncio.wait([answer, disconnect])
    if not answer.cancelled():
        answer.result()
