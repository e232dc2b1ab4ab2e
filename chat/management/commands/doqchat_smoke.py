"""`manage.py doqchat_smoke`: checks a running server with a short conversation between two clients."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import override

from chat.addresses import own_address
from chat.management.terminal import terminal_language
from chat.smoke.play import perform
from chat.smoke.player import Failed
from doqchat.protocol.names import SOCKET_PATH, is_sid

DONE = "Chat test completed successfully"
WITHIN_SECONDS = 60.0


class Command(BaseCommand):
    help = "Let A and B exchange five messages on a running server; check order, exactly-once and isolation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", help="the URL of the server's socket (default: this site)")
        parser.add_argument("--sid", default="test_room_001", help="the session to use (test_room_001)")

    def handle(self, *args: Any, url: str | None, sid: str, **options: Any) -> None:
        with override(terminal_language()):
            if not is_sid(sid):
                raise CommandError(_("--sid takes 1 to 64 letters, digits or _ . -"))
            try:
                asyncio.run(self._play(url or _own_socket(), sid))
            except Failed as failed:
                raise CommandError(str(failed)) from failed
            except TimeoutError as error:
                problem = _("The check did not finish within {seconds:g} seconds.").format(seconds=WITHIN_SECONDS)
                raise CommandError(problem) from error
        self.stdout.write(DONE)

    async def _play(self, url: str, sid: str) -> None:
        async with asyncio.timeout(WITHIN_SECONDS):
            async for line in perform(url, sid):
                self.stdout.write(line)
                self.stdout.flush()


def _own_socket() -> str:
    """The URL of the site's socket."""
    return f"ws{own_address().removeprefix('http')}{SOCKET_PATH}"
