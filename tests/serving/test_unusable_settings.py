"""Settings that cannot be used: one sentence from every command, and no server that loads the site starts."""

import sys
from pathlib import Path

import pytest

from tests.processes import completed
from tests.serving.commands import MANAGE, environment

SECRET = "pa55"

UNUSABLE = [
    ({"DOQCHAT_ACCESS": "private"}, "DOQCHAT_ACCESS must be one of open, token."),
    ({"DOQCHAT_TOKEN_KEY": SECRET}, "DOQCHAT_TOKEN_KEY must be a secret of 32 bytes or more"),
    ({"DOQCHAT_TOKEN_JWKS": f"http://u:{SECRET}@example.org/"}, "DOQCHAT_TOKEN_JWKS must be the path of a file"),
    ({"DOQCHAT_ACCESS": "token", "DOQCHAT_TOKEN_JWKS": "/dev/null"}, "The keys in DOQCHAT_TOKEN_JWKS cannot be used"),
    (
        {"DEBUG": "true", "HOST": "0.0.0.0", "DOQCHAT_ACCESS": ""},
        "Set DOQCHAT_ACCESS to token or, if that is intended, to open",
    ),
    ({"DOQCHAT_REDIS_URL": f"redis://:{SECRET}#a@host"}, "DOQCHAT_REDIS_URL must be redis://HOST:PORT/NUMBER"),
    ({"DATABASE_URL": f"mongo://u:{SECRET}@host/x"}, "DATABASE_URL must be a database URL"),
    ({"DATABASE_URL": f"oracle://u:{SECRET}@host/x"}, "DATABASE_URL needs a driver that is not installed"),
    ({"DOQCHAT_DATA_DIR": "/dev/null/data"}, "DOQCHAT_DATA_DIR must be a directory that can be written to"),
    ({"DOQCHAT_DATA_DIR": "/dev/null/data", "SECRET_KEY": "k" * 50}, "/dev/null/data is not writable"),
    ({"DOQCHAT_PATH": "/a b/"}, "DOQCHAT_PATH must be a path such as /chat/"),
]
SKIPPING = "--skip-checks"
COMMANDS = {
    "check": [*MANAGE, "check"],
    "up": [*MANAGE, "doqchat_up"],
    "up, unchecked": [*MANAGE, "doqchat_up", SKIPPING],
    "web, unchecked": [*MANAGE, "doqchat_web", SKIPPING, "--port", "0"],
    "llmworker, unchecked": [*MANAGE, "doqchat_llmworker", SKIPPING],
}


@pytest.mark.parametrize(("wrong", "sentence"), UNUSABLE)
def test_check_reports_each_error_in_one_sentence(wrong: dict[str, str], sentence: str, tmp_path: Path) -> None:
    ended = completed(COMMANDS["check"], environment(tmp_path, **wrong))
    assert ended.returncode != 0
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert SECRET not in ended.stderr + ended.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_starts_with_access_that_it_does_not_enforce(name: str, tmp_path: Path) -> None:
    variables = environment(tmp_path, DOQCHAT_ACCESS="private", DJANGO_SETTINGS_MODULE="config.settings")
    ended = completed(COMMANDS[name], variables)
    assert ended.returncode != 0
    assert "DOQCHAT_ACCESS must be one of open, token." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_plain_daphne_does_not_load_a_site_with_invalid_settings(tmp_path: Path) -> None:
    variables = environment(tmp_path, DOQCHAT_ACCESS="private", DJANGO_SETTINGS_MODULE="config.settings")
    ended = completed([sys.executable, "-m", "daphne", "--port", "0", "config.asgi:application"], variables)
    assert ended.returncode != 0
    assert "ImproperlyConfigured: DOQCHAT_ACCESS must be one of open, token." in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "99999"], "Cannot listen on HOST=127.0.0.1 PORT=99999: bind(): port must be 0-65535."),
        (["--host", "a..b", "--port", "0"], "Cannot listen on HOST=a..b PORT=0"),
        (["--fd", "999"], "The file descriptor 999 is not a socket."),
    ],
)
def test_web_says_in_a_sentence_where_it_cannot_listen(arguments: list[str], said: str, tmp_path: Path) -> None:
    ended = completed([*MANAGE, "doqchat_web", *arguments], environment(tmp_path))
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "url", [f"postgres://u:{SECRET}@127.0.0.1:1/x", f"postgres://u:{SECRET}@127.0.0.1:1/x?unknown_option=1"]
)
def test_up_says_in_a_sentence_that_the_database_cannot_be_used(url: str, tmp_path: Path) -> None:
    ended = completed(COMMANDS["up"], environment(tmp_path, DATABASE_URL=url))
    assert ended.returncode == 1
    assert "The database cannot be used, check DATABASE_URL: " in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert SECRET not in ended.stderr


@pytest.mark.slow
def test_up_says_in_a_sentence_that_the_store_has_nowhere_to_write(tmp_path: Path) -> None:
    (tmp_path / "valkey").touch()
    ended = completed(COMMANDS["up"], environment(tmp_path))
    assert ended.returncode == 1
    assert f"Cannot write to {tmp_path}/valkey" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_web_does_not_listen_for_others_with_open_access_by_default(tmp_path: Path) -> None:
    command = [*MANAGE, "doqchat_web", "--host", "0.0.0.0", "--port", "0"]
    ended = completed(command, environment(tmp_path, DOQCHAT_ACCESS=""))
    assert ended.returncode == 1
    assert "set DOQCHAT_ACCESS to token or open." in ended.stderr
