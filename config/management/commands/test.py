"""`manage.py test`: runs the tests, which are written for pytest; Django's own runner finds none of them."""

import os
import subprocess
import sys
from argparse import REMAINDER, ArgumentParser
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Forwards its arguments to pytest, and exits with its exit code."""

    help = "Run the tests with pytest; all arguments are passed to pytest."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("arguments", nargs=REMAINDER, help="arguments of pytest, such as tests/protocol -x")

    def handle(self, *args: Any, arguments: list[str], **options: Any) -> None:
        if find_spec("pytest") is None:
            raise CommandError("pytest is not installed: `make test` installs what the tests need and runs them.")
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        command = [sys.executable, "-m", "pytest", *arguments]
        sys.exit(subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=False).returncode)  # noqa: S603 - the caller's own arguments
