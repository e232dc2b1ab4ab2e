"""`manage.py doqchat_backup FILE`: copies the store and the database into one file, while the site runs."""

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
    help = "Copy the store, the database and the site's keys into one file. The site may run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file to write, such as doqchat.tar.gz")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        with override(terminal_language()):
            if file.exists():
                raise CommandError(_("{file} exists.").format(file=file))
            try:
                with store_for_command(doqchat_settings()):
                    backup.make(file.absolute(), self.stderr.write)
            except (backup.BackupError, StartError) as error:
                raise CommandError(str(error)) from error
            size = file.stat().st_size / 2**20
            self.stdout.write(
                _("{file}: {size} MiB. It contains keys; keep it secret.").format(file=file, size=f"{size:.1f}")
            )
