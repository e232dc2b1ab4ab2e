"""`manage.py doqchat_import`: reads sessions back from the files of `doqchat_export`."""

import asyncio
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, transaction

from chat.exports.files import export_content
from chat.models import ChatSession
from doqchat.archive.document import DocumentReader, InvalidDocument
from doqchat.conf import doqchat_settings
from doqchat.engine import engine
from doqchat.errors import DoqchatError, NotFound
from doqchat.protocol.ids import time_of


class Command(BaseCommand):
    help = (
        "Import sessions from exports in JSON, with their ids and their order. Each file is imported completely or not "
        "at all. A session that exists is not changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="file", help="files of `doqchat_export`")

    def handle(self, *args: Any, files: list[Path], **options: Any) -> None:
        if doqchat_settings().archive is None:
            raise CommandError("Sessions are imported into the archive; set DOQCHAT['ARCHIVE'].")
        from doqchat.archive.importing import SessionExists  # its models require an installed app

        for file in files:
            try:
                self._import(file)
            except (InvalidDocument, SessionExists) as error:
                raise CommandError(f"{file} was not imported. {error}") from error
            except OSError as error:
                raise CommandError(f"{file} was not imported: {error.strerror}.") from error
            except DoqchatError as error:
                raise CommandError(f"{file} was not imported: {error.message}") from error
            except (DatabaseError, InterfaceError) as error:
                raise CommandError(f"{file} was not imported: the database cannot be used ({error}).") from error

    def _import(self, path: Path) -> None:
        from doqchat.archive.importing import SessionExists, import_session

        with path.open("rb") as file:
            sid = DocumentReader(file).head().sid
        equal = asyncio.run(_equals_existing(path, sid))
        if equal is False:
            raise SessionExists(sid)
        if equal:
            self.stdout.write(f"{sid} is there already.")
            return
        with path.open("rb") as file, transaction.atomic():
            session = import_session(file)
            began, active = time_of(session.first), time_of(session.last)
            ChatSession.objects.update_or_create(sid=sid, defaults={"created_at": began, "last_activity": active})
        self.stdout.write(f"Imported {sid}: {session.events} events")


async def _equals_existing(path: Path, sid: str) -> bool | None:
    """Whether the file is the export of a session that exists; None if the session does not exist."""
    try:
        session = await engine().exports.find(sid)
    except NotFound:
        return None
    with path.open("rb") as file:
        async for piece in export_content(session, "json", None):
            if file.read(len(piece)) != piece:
                return False
        return not file.read(1)
