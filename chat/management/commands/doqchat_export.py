"""`manage.py doqchat_export`: writes sessions to files."""

import asyncio
import os
import sys
import tempfile
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, time
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive, make_aware

from chat.exports.files import export_content
from chat.exports.formats import FORMATS, FormatName
from chat.management.terminal import terminal_language
from doqchat.engine import engine
from doqchat.errors import DoqchatError, InvalidMessage, NotFound, Unreadable
from doqchat.protocol.ids import time_of
from doqchat.sessions import check_sid
from doqchat.store.exports import Exported

_REPORT_EVERY = 100


class Command(BaseCommand):
    help = (
        "Export sessions. One session goes to the standard output, or into a directory; several go into a directory, "
        "with a file for each. Files that exist are skipped, so that an interrupted export can be repeated."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sids", nargs="*", metavar="sid", help="the sessions")
        parser.add_argument("--all", action="store_true", help="all sessions")
        parser.add_argument(
            "--active-since", type=_moment, metavar="TIME", help="all sessions with an event since then: 2026-11-30"
        )
        parser.add_argument("--format", choices=list(FORMATS), default="json", help="json can be imported (json)")
        parser.add_argument("--directory", type=Path, help="where the files go; it is created")
        parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
        parser.add_argument("--lang", choices=[code for code, _name in settings.LANGUAGES], help="(the locale's)")

    def handle(self, *args: Any, sids: list[str], directory: Path | None, **options: Any) -> None:
        everything = options["all"] or options["active_since"] is not None
        if bool(sids) == everything:
            raise CommandError("Give the names of sessions, or --all or --active-since.")
        if directory is None and (everything or len(sids) > 1):
            raise CommandError("Several sessions need a --directory.")
        name: FormatName = options["format"]
        self._files = _Files(directory, name, options["lang"] or terminal_language(), overwrite=options["overwrite"])
        try:
            if directory is not None:
                directory.mkdir(parents=True, exist_ok=True)
            failed = asyncio.run(self._export(sids or None, options["active_since"]))
        except DoqchatError as error:
            raise CommandError(f"The export has stopped: {error.message}") from error
        except BrokenPipeError:
            # The reader, such as `head`, has closed the pipe; Python would complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        except OSError as error:
            raise CommandError(f"The export has stopped: {error}.") from error
        if failed:
            raise CommandError(f"{failed} sessions were not exported." if failed > 1 else "1 session was not exported.")

    async def _export(self, sids: Iterable[str] | None, since: datetime | None) -> int:
        """Export these sessions, or all; returns the number of those that cannot be exported."""
        failed = 0
        async for sid in _given(sids) if sids is not None else _all_sids():
            try:
                check_sid(sid)
                session = await engine().exports.find(sid)
                if since is None or time_of(session.last) >= since:
                    await self._files.write(session)
            except (InvalidMessage, NotFound, Unreadable) as error:
                failed += 1
                self.stderr.write(error.message)
            if self._files.written and self._files.written % _REPORT_EVERY == 0:
                self.stderr.write(f"{self._files.written} sessions")
        if self._files.directory is not None:
            self.stderr.write(f"{self._files.written} exported, {self._files.skipped} skipped")
        return failed


class _Files:
    """Writes exports to files, or one to the standard output.

    Attributes:
        directory: where the files go; None for the standard output.
        written, skipped: numbers of sessions.
    """

    def __init__(self, directory: Path | None, name: FormatName, language: str, *, overwrite: bool) -> None:
        self.directory = directory
        self.written = self.skipped = 0
        self._name: FormatName = name
        self._language = language
        self._overwrite = overwrite

    async def write(self, session: Exported) -> None:
        """Export a session; its file is there completely or not at all, and only its owner can read it."""
        content = export_content(session, self._name, self._language)
        if self.directory is None:
            async for piece in content:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        target = self.directory / f"{session.sid}.{self._name}"
        if target.exists() and not self._overwrite:
            self.skipped += 1
            return
        with _replacing(target) as file:
            async for piece in content:
                file.write(piece)
        self.written += 1


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of another when it is complete, and is deleted if that fails."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".export-", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


async def _given(sids: Iterable[str]) -> AsyncIterator[str]:
    for sid in sids:
        yield sid


async def _all_sids() -> AsyncIterator[str]:
    """All sessions, in the store and in the archive."""
    current = engine()
    live = await current.exports.live_sids()
    for sid in sorted(live):
        yield sid
    if current.archive is None:
        return
    last = ""
    while page := await current.archive.sids_after(last):
        for sid in page:
            if sid not in live:
                yield sid
        last = page[-1]


def _moment(text: str) -> datetime:
    """A date or time, by default in the site's time zone."""
    try:
        moment = parse_datetime(text)
        day = None if moment else parse_date(text)
    except ValueError:
        moment = day = None
    if moment is None and day is None:
        raise ArgumentTypeError("a time such as 2026-11-30 or 2026-11-30T09:00:00+09:00")
    moment = moment or datetime.combine(day, time())  # type: ignore[arg-type]  # one of them is there
    return make_aware(moment) if is_naive(moment) else moment
