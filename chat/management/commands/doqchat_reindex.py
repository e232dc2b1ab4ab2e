"""`manage.py doqchat_reindex`: index the archive for search again, such as after another version of Unicode."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from doqchat.conf import doqchat_settings


class Command(BaseCommand):
    help = "Index the archive for search again; meanwhile searches find only what is indexed already."

    def handle(self, *args: Any, **options: Any) -> None:
        if doqchat_settings().archive is None:
            raise CommandError("This site has no archive.")
        from doqchat.archive.search_index import rebuild  # its models require an installed app

        count = 0
        for count in rebuild():
            self.stdout.write(f"{count:,} events", ending="\r")
            self.stdout.flush()
        self.stdout.write(f"{count:,} events are indexed.")
