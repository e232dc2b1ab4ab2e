"""Django's ASGI handler, in two threads of a process, whose requests are freed without the garbage collector."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse

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

    async def listen_for_disconnect(self, receive: Receive) -> None:
        """Return when the client disconnects, where Django raises RequestAborted.

        Either way Django cancels the view. But the exception's traceback refers to the handler's frame, which refers
        to the task that has raised it: a cycle of 50 objects and more with every request.
        """
        await receive()
