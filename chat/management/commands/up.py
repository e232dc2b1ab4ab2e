"""`manage.py up`: everything doqchat needs, in one command."""

import asyncio
import socket
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from chat.checks import require_usable_settings
from doqchat.serving import StartError
from doqchat.serving.child import end_with_parent
from doqchat.serving.listener import address_of, listen
from doqchat.serving.notice import Notice
from doqchat.serving.supervisor import Plan, Supervisor
from doqchat.serving.valkey import EmbeddedStore


class Command(BaseCommand):
    """Starts the store, the web processes and the workers, and starts again what dies, until Ctrl-C."""

    help = "Start the store, the web processes and the workers; start again what dies; end with Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--end-with-parent",
            type=int,
            metavar="PID",
            help="end when the process PID, which must be the one that starts this command, ends (Linux)",
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
        with listen(settings.HOST, settings.PORT) as listening:
            self._migrate()
            asyncio.run(Supervisor(self._plan(listening), self._say).run())

    def _migrate(self) -> None:
        self._say("데이터베이스 준비 중 / preparing the database")
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except (DatabaseError, ImproperlyConfigured, OSError) as error:
            raise StartError(
                f"데이터베이스를 쓸 수 없습니다. DATABASE_URL을 확인하세요. / "
                f"The database cannot be used, check DATABASE_URL: {' '.join(str(error).split())}"
            ) from error

    def _plan(self, listening: socket.socket) -> Plan:
        store = EmbeddedStore(
            settings.EMBEDDED_STORE_DIR,
            settings.EMBEDDED_STORE_PORT,
            settings.EMBEDDED_STORE_MEMORY,
            settings.EMBEDDED_STORE_PASSWORD,
        )
        return Plan(
            manage=[sys.executable, str(settings.BASE_DIR / "manage.py")],
            listening=listening,
            address=address_of(settings.HOST, listening.getsockname()[1], settings.SITE_PATH),
            host=next((name.lstrip(".") for name in settings.ALLOWED_HOSTS if name != "*"), "localhost"),
            web_workers=settings.WEB_WORKERS,
            llm_workers=settings.LLM_WORKERS,
            store_urls=[store.url] if settings.EMBEDDED_STORE else settings.STORE_URLS,
            embedded=store if settings.EMBEDDED_STORE else None,
            notice=Notice(settings.DATA_DIR),
        )

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
