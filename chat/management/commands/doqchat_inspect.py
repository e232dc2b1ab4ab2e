"""`manage.py doqchat_inspect SID`: prints the stored events of a session."""

import asyncio
import json
import os
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from chat.management.terminal import terminal_language, visible
from doqchat.engine import engine
from doqchat.errors import DoqchatError, Unreadable
from doqchat.protocol.ids import BEGINNING
from doqchat.protocol.names import is_sid
from doqchat.store.reader import Entry
from doqchat.store.stream import SessionStream

_PAGE, _PAGE_BYTES = 500, 2**20


class Command(BaseCommand):
    help = "Print the stored messages of a session, and their number per participant."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sid", help="the session")
        parser.add_argument("--lang", choices=[code for code, _name in settings.LANGUAGES], help="(the locale's)")

    def handle(self, *args: Any, sid: str, lang: str | None, **options: Any) -> None:
        with override(lang or terminal_language()):
            try:
                asyncio.run(self._inspect(sid))
            except Unreadable as error:
                problem = _("The key of session {sid} in the store has the wrong type.").format(sid=sid)
                raise CommandError(problem) from error
            except DoqchatError as error:
                problem = _("The store does not respond. Start it with `make run`, or check DOQCHAT_REDIS_URL.")
                raise CommandError(problem) from error
            except BrokenPipeError:
                # The reader, such as `head`, has closed the pipe; Python would complain at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    async def _inspect(self, sid: str) -> None:
        current = engine()
        try:
            total = await current.stream.length(sid) if is_sid(sid) else 0
            if not total:
                raise CommandError(_("The store has no session {sid}.").format(sid=sid))
            await self._print(total, _first(current.stream, sid, total))
        finally:
            await current.close()

    async def _print(self, total: int, entries: AsyncIterator[Entry]) -> None:
        count = Counter[str]()
        self.stdout.write(
            ngettext("Found {count} message", "Found {count} messages", total).format(count=total) + "\n\n"
        )
        async for entry in entries:
            count[entry.participant] += 1
            self.stdout.write(_message(count.total(), entry))
        self.stdout.write(_("Messages by participant:"))
        for role in sorted(count):
            line = ngettext("  {role}: {count}", "  {role}: {count}", count[role])
            self.stdout.write(line.format(role=visible(role), count=count[role]))


async def _first(stream: SessionStream, sid: str, total: int) -> AsyncIterator[Entry]:
    """The counted number of entries, page by page; new ones that arrive meanwhile are not printed."""
    cursor = BEGINNING
    while total and (page := await stream.read_range(sid, cursor, count=min(total, _PAGE), size=_PAGE_BYTES)).entries:
        for entry in page.entries:
            yield entry
        total -= len(page.entries)
        cursor = page.entries[-1].id


def _message(number: int, entry: Entry) -> str:
    return "\n".join(
        [
            _("--- Message #{number} ---").format(number=number),
            f"ID: {entry.id}",
            _("Participant: {role}").format(role=visible(entry.participant)),
            _("Content: {body}").format(body=_readable(entry.body)),
            "\n",
        ]
    )


def _readable(body: str) -> str:
    """The JSON with a space after each colon and comma, and without escapes except for control characters; anything
    that is not JSON unchanged.
    """
    try:
        return visible(json.dumps(json.loads(body), ensure_ascii=False))
    except (ValueError, RecursionError):
        return visible(body)
