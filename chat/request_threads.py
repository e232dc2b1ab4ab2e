"""Two threads of each process serve its requests: one those to the admin, the other the rest.

Django gives each request a thread of its own. Several at once compete with the event loop for the GIL, and those that
hash a password for the cores: every message waits for them. In one thread they take turns, also those whose client has
gone. What is not the admin's needs its thread for microseconds: the middleware, and rendering a page.
"""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import async_only_middleware

ADMIN = "/admin/"
AT_ONCE = 64
"""Requests to the admin that are served or wait for the thread; more are answered with 503."""

BUSY = """관리자 페이지에 요청이 너무 많습니다. 잠시 뒤에 다시 시도하세요.
There are too many requests to the admin. Try again in a moment.
"""

GetResponse = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@async_only_middleware
def serve_in_two_threads(get_response: GetResponse) -> GetResponse:
    """Choose the thread of a request; before all middleware that runs in threads."""
    admin = ThreadPoolExecutor(max_workers=1, thread_name_prefix="admin")
    others = ThreadPoolExecutor(max_workers=1, thread_name_prefix="requests")
    present = 0

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        nonlocal present
        if not request.path_info.startswith(ADMIN):
            async with ThreadSensitiveContext(executor=others):
                return await get_response(request)
        if present >= AT_ONCE:
            return HttpResponse(
                BUSY, status=503, content_type="text/plain; charset=utf-8", headers={"Retry-After": "5"}
            )
        present += 1
        try:
            async with ThreadSensitiveContext(executor=admin):
                return await _served(get_response, request)
        finally:
            present -= 1

    return middleware


async def _served(get_response: GetResponse, request: HttpRequest) -> HttpResponseBase:
    """The response, with the thread's database connections closed: Django closes those of threads of its own choice."""
    try:
        return await get_response(request)
    finally:
        await sync_to_async(close_old_connections)()
