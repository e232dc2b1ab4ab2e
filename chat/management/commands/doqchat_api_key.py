"""`manage.py doqchat_api_key`: creates, lists and revokes the keys with which other backends call the HTTP API."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.access import api_keys
from chat.models import ApiKey


class Command(BaseCommand):
    help = "Create an API key and print it, list the keys, or revoke one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("name", nargs="?", help="the name of a new key")
        what.add_argument("--list", action="store_true", help="list all keys")
        what.add_argument("--revoke", metavar="NAME", help="revoke the key with this name")
        parser.add_argument(
            "--scope", choices=ApiKey.Scope.values, default=ApiKey.Scope.SESSIONS.value, help="what the new key may do"
        )

    def handle(self, *args: Any, name: str | None, revoke: str | None, scope: str, **options: Any) -> None:
        if name is not None:
            self._create(name, scope)
        elif revoke is None:
            self._list()
        elif not api_keys.revoke(revoke):
            raise CommandError(f"There is no API key {revoke!r}, or it is revoked already; --list shows all.")

    def _create(self, name: str, scope: str) -> None:
        try:
            self.stdout.write(api_keys.create(name, scope))
        except ValueError as error:
            raise CommandError(f"Cannot create the key: {error}") from error

    def _list(self) -> None:
        for key in ApiKey.objects.all():
            state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "active"
            self.stdout.write(f"{key.name}\t{key.scopes}\tcreated {key.created_at:%Y-%m-%d}\t{state}")
