"""`manage.py doqchat_erase`: erases a session, or what a person has said in all sessions."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from chat import erasure
from chat.audit import Actor
from chat.audit_batches import batches
from chat.management.terminal import terminal_language, visible
from doqchat.engine import engine
from doqchat.erasure import Erased
from doqchat.errors import DoqchatError
from doqchat.sessions import check_sid


class Command(BaseCommand):
    help = "Erase a session, or what a person has said in all sessions. It cannot be undone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--sid", help="a session")
        what.add_argument("--sub", help="a person, by the claim sub of their tokens")
        parser.add_argument(
            "--replies", action="store_true", help="with --sub: also the model's replies to this person"
        )
        parser.add_argument("--dry-run", action="store_true", help="only list what would be erased")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, sid: str | None, sub: str | None, replies: bool, **options: Any) -> None:
        if replies and sub is None:
            raise CommandError("--replies requires --sub; a session is erased with its replies.")
        with override(terminal_language()):
            try:
                if sid is not None:
                    check_sid(sid)
                elif not sub:
                    raise CommandError("--sub must not be empty.")
                found = asyncio.run(_erase(sid, sub, replies=replies, dry_run=True))
                self._list(found)
                if options["dry_run"] or (sid is not None and found.held):
                    return
                if not options["yes"] and not _agreed():
                    raise CommandError(_("Nothing was erased."))
                asyncio.run(_erase(sid, sub, replies=replies, dry_run=False))
            except DoqchatError as error:
                raise CommandError(_(error.message)) from error
            self.stdout.write(_("Erased. Backups that were made before still contain it."))

    def _list(self, found: Erased) -> None:
        total = found.events.total()
        events = ngettext("{count} event", "{count} events", total).format(count=total)
        self.stdout.write(_("{events} in {sessions} sessions:").format(events=events, sessions=len(found.events)))
        for sid, count in sorted(found.events.items()):
            self.stdout.write(f"  {visible(sid)}  {count}")
        for sid in sorted(found.held):
            self.stdout.write(_("  {sid} is on legal hold and stays.").format(sid=visible(sid)))


def _agreed() -> bool:
    try:
        return input(_("Erase this? It cannot be undone. [yes/no] ")) == "yes"
    except EOFError:  # standard input is closed
        return False


async def _erase(sid: str | None, sub: str | None, *, replies: bool, dry_run: bool) -> Erased:
    by = Actor("command:doqchat_erase")
    try:
        if sid is not None:
            found = await erasure.erase_session(sid, by, dry_run=dry_run)
        else:
            found = await erasure.erase_person(sub or "", by, replies=replies, dry_run=dry_run)
        if not dry_run:
            await erasure.rewrite_files()
        return found
    finally:
        await batches().close()
        await engine().close()
