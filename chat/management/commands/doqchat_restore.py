"""`manage.py doqchat_restore FILE`: restores a backup into an empty store and an empty database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import override

from chat import backup
from chat.management.terminal import terminal_language
from doqchat.conf import doqchat_settings
from doqchat.serving import StartError
from doqchat.serving.temporary_store import store_for_command


class Command(BaseCommand):
    help = "Restore a backup into an empty store and an empty database. The site must not run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file that doqchat_backup has written")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        with override(terminal_language()):
            try:
                with store_for_command(doqchat_settings()):
                    backup.restore(file.absolute(), self.stderr.write)
            except (backup.BackupError, StartError) as error:
                raise CommandError(str(error)) from error
            self.stdout.write(_("Restored. Run manage.py migrate if this doqchat is newer than the backup."))
