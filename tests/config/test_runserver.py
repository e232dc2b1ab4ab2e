"""`manage.py runserver` is daphne's: Django's own serves no sockets."""

import os
import sys

import pytest

from tests import processes


@pytest.mark.slow
def test_runserver_takes_the_options_of_daphne() -> None:
    help_text = processes.completed([sys.executable, "manage.py", "runserver", "--help"], {**os.environ}).stdout
    assert "--http_timeout" in help_text


def test_no_other_command_imports_daphne() -> None:
    program = "import sys; print([name for name in ('daphne', 'twisted') if name in sys.modules])"
    command = ["env", sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", program]  # not forked
    assert processes.completed(command, {**os.environ}).stdout.splitlines()[-1:] == ["[]"]
