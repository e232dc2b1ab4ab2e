"""Django's ASGI handler, whose requests are freed without the garbage collector."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.core.handlers.asgi import ASGIHandler


class Handler(ASGIHandler):
    """Django's, which ends with its request or when the client disconnects."""

    async def listen_for_disconnect(self, receive: Callable[[], Awaitable[Any]]) -> None:
        """Return when the client disconnects, where Django raises RequestAborted.

        Either way Django cancels the view. But the exception's traceback refers to the handler's frame, which refers
        to the task that has raised it: a cycle of 50 objects and more with every request.
        """
        await receive()
