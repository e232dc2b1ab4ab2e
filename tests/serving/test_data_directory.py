"""What is in the data directory, only its owner may read."""

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from config.data_directory import tighten
from tests.ports import free_port
from tests.processes import completed
from tests.serving.commands import MANAGE, environment, running

HI = ["-c", "from django.contrib.auth.models import User; print(User.objects.exists())"]


def wide(directory: Path) -> set[str]:
    """What others may read, write or enter, of a directory and all that is in it."""
    found = [directory, *directory.rglob("*")]
    return {str(path) for path in found if stat.S_IMODE(path.lstat().st_mode) & 0o077}


def run(variables: dict[str, str], *command: str) -> None:
    usual = os.umask(0o022)
    try:
        completed([*MANAGE, *command], variables).check_returncode()
    finally:
        os.umask(usual)


@pytest.mark.slow
@pytest.mark.parametrize("command", [["migrate", "-v0"], ["shell", *HI], ["check"]], ids=lambda command: command[0])
def test_whichever_command_is_the_first_its_files_are_private(command: Sequence[str], tmp_path: Path) -> None:
    data = tmp_path / "site" / "data"
    variables = environment(data) | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    if command[0] == "shell":
        run(variables, "migrate", "-v0")
    run(variables, *command)
    assert (data / "db.sqlite3").exists()
    assert wide(data) == set()


async def test_an_application_that_another_server_runs_keeps_its_files_private(tmp_path: Path) -> None:
    data = tmp_path / "data"
    variables = environment(data) | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port)]
    async with running(command, variables) as server:
        await server.line("Uvicorn running")
        assert (data / "secret_key").exists()
        assert wide(data) == set()


@pytest.mark.slow
@pytest.mark.parametrize(("secret", "workers"), [("", "1"), ("given", "0")])
async def test_all_that_up_starts_keeps_its_files_private(secret: str, workers: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    variables = environment(data, SECRET_KEY=secret, DOQCHAT_REDIS_PASSWORD="s3cret", LLM_WORKERS=workers)
    async with running([*MANAGE, "doqchat_up"], variables) as up:
        await up.line("ready: http")
        names = {path.name for path in data.rglob("*")}
        assert {"db.sqlite3", "db.sqlite3-wal", "lock", "valkey.log", "password.conf", "appendonlydir"} <= names
        assert wide(data) == set()


def made(directory: Path, *names: str) -> Path:
    """A directory that others may enter, with files in it that they may read."""
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("")
    for path in [directory, *directory.rglob("*")]:
        path.chmod(0o775 if path.is_dir() else 0o664)
    return directory


OURS = [
    "db.sqlite3",
    "db.sqlite3-wal",
    "secret_key",
    "valkey/lock",
    "valkey/valkey.log",
    "valkey/appendonlydir/appendonly.aof.1.incr.aof",
]


def test_a_directory_from_before_loses_the_rights_of_others(tmp_path: Path) -> None:
    data = made(tmp_path / "data", *OURS)
    tighten(data)
    assert wide(data) == set()


def test_a_directory_that_holds_something_else_keeps_its_rights_but_for_our_files(tmp_path: Path) -> None:
    data = made(tmp_path / "data", "theirs/report.txt", *OURS)
    tighten(data)
    assert wide(data) == {str(data), str(data / "theirs"), str(data / "theirs/report.txt")}


def test_a_folder_of_the_same_name_that_somebody_else_has_made_keeps_its_rights(tmp_path: Path) -> None:
    data = made(tmp_path / "data", "valkey/bin/valkey-server")
    tighten(data)
    assert len(wide(data)) == 4


def test_a_directory_that_everybody_may_write_to_keeps_its_rights(tmp_path: Path) -> None:
    data = made(tmp_path / "data", *OURS)
    data.chmod(0o1777)
    tighten(data)
    assert wide(data) == {str(data)}


def test_a_link_in_the_directory_leads_nowhere_that_is_changed(tmp_path: Path) -> None:
    elsewhere, data = made(tmp_path / "elsewhere", "a.txt"), made(tmp_path / "data", "secret_key")
    (data / "db.sqlite3").symlink_to(elsewhere / "a.txt")
    (elsewhere / "lock").touch(0o600)
    (data / "valkey").symlink_to(elsewhere)
    tighten(data)
    assert wide(elsewhere) == {str(elsewhere), str(elsewhere / "a.txt")}


def test_the_umask_of_the_process_is_not_changed(tmp_path: Path) -> None:
    probe = "import os; os.umask(0o022) == 0o022 or exit(1)"
    run(environment(tmp_path), "shell", "-c", probe)


def test_a_missing_directory_is_no_error(tmp_path: Path) -> None:
    tighten(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
