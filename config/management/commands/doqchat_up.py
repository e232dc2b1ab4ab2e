"""`manage.py doqchat_up`: also collects the static files, compressed."""

import shutil
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from chat.management.commands import doqchat_up

ELSEWHERE = ["ninja"]
"""Large files for administrators alone, which are served from where they are installed."""


class Command(doqchat_up.Command):
    """Starts the store, the web processes and the workers."""

    def prepare(self) -> None:
        """Prepare the database and, once per version, the static files."""
        super().prepare()
        collected = Path(settings.STATIC_ROOT)
        if settings.DEBUG or collected.is_dir():
            return
        self.say("정적 파일 준비 중 / preparing the static files")
        shutil.rmtree(collected.parent, ignore_errors=True)
        try:
            call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=ELSEWHERE)
        except OSError as error:
            shutil.rmtree(collected, ignore_errors=True)  # incomplete
            self.say(f"정적 파일을 압축하지 않고 보냅니다. / The static files are served without compression: {error}")
