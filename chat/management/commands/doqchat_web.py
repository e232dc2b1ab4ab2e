"""`manage.py doqchat_web`: one web process."""

import asyncio
import socket
import sys
from argparse import ArgumentParser
from functools import partial
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils.module_loading import import_string

from chat.checks import require_usable_settings
from doqchat import tracing
from doqchat.conf import access_mode, doqchat_settings, is_local
from doqchat.engine import engine
from doqchat.serving import StartError
from doqchat.serving.garbage import maintain, tune
from doqchat.serving.listener import address_of, inherited, listen
from doqchat.serving.start_report import say_what_is_used
from doqchat.worker.unserved import watch

SWITCH_SECONDS = 0.001
"""The switch interval of the GIL in seconds; with Python's 0.005, request threads would delay the event loop."""


class Command(BaseCommand):
    """Serves the site's ASGI application, on uvicorn or daphne, until SIGTERM or Ctrl-C."""

    help = "Run one web process."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fd", type=int, help="accept from this inherited listening socket")
        parser.add_argument("--host", help="the address to listen on (HOST)")
        parser.add_argument("--port", type=int, help="the port to listen on (PORT)")
        parser.add_argument("--server", choices=["uvicorn", "daphne"], help="(SERVER)")
        parser.add_argument(
            "--supervised", action="store_true", help="do not print the startup report; `doqchat_up` does"
        )

    def handle(self, *args: Any, fd: int | None, supervised: bool, **options: Any) -> None:
        try:
            require_usable_settings()
            tracing.start()
            doqchat = doqchat_settings()
            host, port = options["host"] or doqchat.host, doqchat.port if options["port"] is None else options["port"]
            application = _application()
            listening = listen(host, port) if fd is None else inherited(fd)
            _check_access(listening)
        except (StartError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        if (options["server"] or doqchat.server) == "daphne":
            from doqchat.serving.web_daphne import serve
        else:
            from doqchat.serving.web_uvicorn import serve
        import_module(settings.ROOT_URLCONF)  # Django does this only at the first request
        tune()
        sys.setswitchinterval(SWITCH_SECONDS)
        if not supervised:
            self._say(f"doqchat web: {address_of(host, listening.getsockname()[1], reverse('doqchat:home'))}")
        serve(application, listening, partial(self._watch, supervised), log_requests=settings.DEBUG)

    async def _watch(self, supervised: bool) -> None:
        if not supervised:
            await say_what_is_used(self._say)
        await asyncio.gather(watch(engine()), maintain())

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _check_access(listening: socket.socket) -> None:
    """Raises StartError where others could connect, and access would be open without being set so."""
    if listening.family == socket.AF_UNIX or doqchat_settings().access is not None:
        return
    address = listening.getsockname()[0]
    if access_mode() == "open" and not is_local(address):
        raise StartError(
            f"이 서버는 {address}에서 연결을 받습니다. DOQCHAT_ACCESS를 token이나 open으로 정하세요. / "
            f"This server listens on {address}, where others can connect: set DOQCHAT_ACCESS to token or open."
        )


def _application() -> Any:
    """The site's ASGI application. Raises StartError if ASGI_APPLICATION is not set."""
    path = getattr(settings, "ASGI_APPLICATION", None)
    if not path:
        raise StartError("ASGI_APPLICATION must name the site's application, such as mysite.asgi.application.")
    return import_string(path)
