"""`manage.py doqchat_up`: runs all processes of doqchat."""

import asyncio
import socket
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.urls import reverse

from chat.checks import require_usable_settings
from doqchat.conf import Settings, doqchat_settings
from doqchat.serving import StartError
from doqchat.serving.child import end_with_parent
from doqchat.serving.listener import address_of, listen
from doqchat.serving.notice import Notice
from doqchat.serving.supervisor import Plan, Supervisor
from doqchat.serving.temporary_store import embedded_store


class Command(BaseCommand):
    """Starts the store, the web processes and the workers, and restarts them if they die, until Ctrl-C."""

    help = "Run the store, the web processes and the workers, and restart processes that die. Stop with Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--end-with-parent",
            type=int,
            metavar="PID",
            help="exit when the process PID, which must be the parent of this command, exits (Linux)",
        )

    def handle(self, *args: Any, end_with_parent: int | None, **options: Any) -> None:
        try:
            self._run(end_with_parent)
        except (StartError, ImproperlyConfigured, ProcessLookupError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            return  # before the supervisor listens to signals

    def _run(self, parent: int | None) -> None:
        if parent is not None:
            end_with_parent(parent)
        require_usable_settings()
        doqchat = doqchat_settings()
        with listen(doqchat.host, doqchat.port) as listening:
            self.prepare()
            asyncio.run(Supervisor(_plan(doqchat, listening), self.say).run())

    def prepare(self) -> None:
        """Prepare what the processes need: the database. A project may extend this."""
        self.say("데이터베이스 준비 중 / preparing the database")
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except (DatabaseError, ImproperlyConfigured, OSError) as error:
            raise StartError(
                f"데이터베이스를 쓸 수 없습니다. DATABASE_URL을 확인하세요. / "
                f"The database cannot be used, check DATABASE_URL: {' '.join(str(error).split())}"
            ) from error

    def say(self, line: str) -> None:
        """Print a line at once."""
        self.stdout.write(line)
        self.stdout.flush()


def _plan(doqchat: Settings, listening: socket.socket) -> Plan:
    """The processes to run according to the settings."""
    embedded = embedded_store(doqchat)
    return Plan(
        manage=[sys.executable, str(Path(sys.argv[0]).resolve())],
        listening=listening,
        address=address_of(doqchat.host, listening.getsockname()[1], reverse("doqchat:home")),
        host=next((name.lstrip(".") for name in settings.ALLOWED_HOSTS if name != "*"), "localhost"),
        web_workers=doqchat.web_workers,
        llm_workers=doqchat.llm_workers,
        store_urls=[embedded.url] if embedded else doqchat.store_urls,
        embedded=embedded,
        notice=Notice(doqchat.data_dir),
    )
