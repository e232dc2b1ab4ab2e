"""`manage.py doqchat_token`: prints a token for a session, and a link that brings it along."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from chat.routing import own_address
from doqchat.access.principal import CAPABILITIES
from doqchat.access.tokens import mint
from doqchat.conf import token_key
from doqchat.protocol.names import HUMAN_ROLES, OBSERVER

HOURS = 12.0


class Command(BaseCommand):
    help = "Print a token for a session, and a link to the page that brings it along."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sid", help="the session: 1 to 64 letters, digits or _ . -")
        parser.add_argument("role", choices=[*HUMAN_ROLES, OBSERVER], help="who its holder is there")
        parser.add_argument("--name", help="what others see them called")
        parser.add_argument("--subject", help="who they are to you, such as a user's id")
        parser.add_argument("--can", nargs="+", choices=CAPABILITIES, help="what they may do, if not what is usual")
        parser.add_argument("--hours", type=float, default=HOURS, help=f"how long it is valid ({HOURS:g})")
        parser.add_argument("--site", help="the address of the start page, for the link")

    def handle(self, *args: Any, **options: Any) -> None:
        claims = {name: options[name] for name in ("sid", "role", "name", "can") if options[name] is not None}
        if options["subject"] is not None:
            claims["sub"] = options["subject"]
        try:
            token = mint(token_key(), claims, seconds=options["hours"] * 3600)
        except (OSError, ValueError) as error:
            raise CommandError(f"No token can be made: {error}.") from error
        self.stdout.write(token)
        self.stdout.write(_link(options["site"] or own_address(), options["sid"], options["role"], token))


def _link(site: str, sid: str, role: str, token: str) -> str:
    """The room's address. What follows the # is not sent to any server."""
    room = reverse("doqchat:room", args=[sid]).removeprefix(reverse("doqchat:home"))
    return f"{site.rstrip('/')}/{room}?role={role}#token={token}"
