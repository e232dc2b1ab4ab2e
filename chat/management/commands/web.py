"""`manage.py web`: one web process."""

import sys
from argparse import ArgumentParser
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from doqchat.engine import engine
from doqchat.replies.unserved import watch
from doqchat.serving import StartError
from doqchat.serving.garbage import settle
from doqchat.serving.listener import inherited, listen

SWITCH_SECONDS = 0.001
"""For how long a thread that serves a request may keep the GIL from the event loop; Python's own 0.005 add up."""


class Command(BaseCommand):
    """Serves the site's ASGI application, on uvicorn or daphne, until SIGTERM or Ctrl-C."""

    help = "Run one web process."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fd", type=int, help="accept from this inherited listening socket")
        parser.add_argument("--host", default=settings.HOST, help="the address to listen on (HOST)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="the port to listen on (PORT)")
        parser.add_argument("--server", choices=["uvicorn", "daphne"], default=settings.SERVER, help="(SERVER)")

    def handle(self, *args: Any, fd: int | None, host: str, port: int, server: str, **options: Any) -> None:
        try:
            application = import_string(settings.ASGI_APPLICATION)
            listening = listen(host, port) if fd is None else inherited(fd)
        except (StartError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        if server == "daphne":
            from doqchat.serving.web_daphne import serve
        else:
            from doqchat.serving.web_uvicorn import serve
        import_module(settings.ROOT_URLCONF)  # Django does that with the first request only
        settle()
        sys.setswitchinterval(SWITCH_SECONDS)
        serve(application, listening, _watch, log_requests=settings.DEBUG)


async def _watch() -> None:
    await watch(engine())
