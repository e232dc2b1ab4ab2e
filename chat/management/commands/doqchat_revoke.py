"""`manage.py doqchat_revoke`: revokes tokens of a session, and closes their connections."""

from argparse import ArgumentParser
from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError

from doqchat.engine import engine
from doqchat.errors import DoqchatError
from doqchat.sessions import check_sid
from doqchat.store import revocations


class Command(BaseCommand):
    help = "Revoke tokens of a session, and close their connections."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sid", help="the session")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--jti", help="one token, by its claim jti")
        which.add_argument("--subject", help="the tokens of a holder issued until now, by their claim sub")
        which.add_argument("--all", action="store_true", help="all tokens issued until now")

    def handle(self, *args: Any, sid: str, jti: str | None, subject: str | None, **options: Any) -> None:
        what = revocations.ALL
        if jti is not None:
            what = revocations.by_token(jti)
        elif subject is not None:
            what = revocations.by_subject(subject)
        try:
            check_sid(sid)
            async_to_sync(_revoke)(sid, what)
        except DoqchatError as error:
            raise CommandError(error.message) from error


async def _revoke(sid: str, what: str) -> None:
    await engine().stream.keep(sid)
    await engine().revocations.revoke(sid, what)
