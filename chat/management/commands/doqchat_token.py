"""`manage.py doqchat_token`: prints a token for a session, and a link with it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from chat.addresses import own_address
from doqchat.access.tokens import mint
from doqchat.conf import token_key
from doqchat.protocol.names import CAPABILITIES, HUMAN_ROLES, OBSERVER

HOURS = 12.0


class Command(BaseCommand):
    help = "Print a token for a session, and a link to the page with it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sid", help="the session: 1 to 64 letters, digits or _ . -")
        parser.add_argument("role", choices=[*HUMAN_ROLES, OBSERVER], help="the role of its holder")
        parser.add_argument("--name", help="the display name")
        parser.add_argument("--subject", help="the person's id in your system")
        parser.add_argument("--can", nargs="+", choices=CAPABILITIES, help="capabilities, instead of those of the role")
        parser.add_argument("--hours", type=float, default=HOURS, help=f"its lifetime ({HOURS:g})")
        parser.add_argument("--site", help="the URL of the home page, for the link")

    def handle(self, *args: Any, **options: Any) -> None:
        claims = {name: options[name] for name in ("sid", "role", "name", "can") if options[name] is not None}
        if options["subject"] is not None:
            claims["sub"] = options["subject"]
        try:
            token = mint(token_key(), claims, seconds=options["hours"] * 3600)
        except (OSError, ValueError) as error:
            raise CommandError(f"Cannot create a token: {error}.") from error
        self.stdout.write(token)
        self.stdout.write(_link(options["site"] or own_address(), options["sid"], options["role"], token))


def _link(site: str, sid: str, role: str, token: str) -> str:
    """The room's address. Browsers do not send the part after the #."""
    room = reverse("doqchat:room", args=[sid]).removeprefix(reverse("doqchat:home"))
    return f"{site.rstrip('/')}/{room}?role={role}#token={token}"
