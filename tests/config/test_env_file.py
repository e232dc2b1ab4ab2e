"""How `.env` is read: as it was meant, or refused with the line's number; never with a traceback or a value."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.environment import Environment

NAME = "DOQCHAT_TEST_VARIABLE"


@pytest.fixture(autouse=True)
def restored_environment() -> Iterator[None]:
    """Whatever a test's file sets is gone afterwards."""
    before = os.environ.copy()
    yield
    os.environ.clear()
    os.environ.update(before)


def read(directory: Path, content: bytes) -> Environment:
    file = directory / ".env"
    file.write_bytes(content)
    return Environment(file)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("{}=value", "value"),
        ("{}=value # a note", "value"),
        ("{}=value\t# a note", "value"),
        ("{} = value", "value"),
        ("  {}=value  ", "value"),
        ("export {}=value", "value"),
        ('{}="two words # and no note" # a note', "two words # and no note"),
        ("{}='$HOME #1' # a note", "$HOME #1"),
        ("{}=redis://:p#a@host", "redis://:p#a@host"),
        ("{}=$HOME/${{HOME}}", "$HOME/${HOME}"),
        ("{}=a=b", "a=b"),
        ("{}=안녕 😊", "안녕 😊"),
        ("{}= # nothing yet", ""),
        ("{}=", ""),
    ],
)
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"# a comment\n\n"], ids=["", "mark", "comment"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=["end", "lf", "crlf"])
def test_a_line_is_read_as_it_is_meant(line: str, value: str, before: bytes, end: str, tmp_path: Path) -> None:
    environment = read(tmp_path, before + f"{line.format(NAME)}{end}".encode())
    assert os.environ[NAME] == value
    assert environment.problems == []


@pytest.mark.parametrize(
    "line", ["PORT 3000", "PORT", "PORT: 3000", "=s3cret", 's3cret="open', "A-B=s3cret", "A B=s3cret", "A=s3cret\0"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_line_that_cannot_be_read_is_refused_with_its_number(line: str, end: str, tmp_path: Path) -> None:
    environment = read(tmp_path, end.join(["# first", "", line, f"{NAME}=kept", ""]).encode())
    ((_, problem),) = environment.problems
    assert problem.startswith(".env, line 3: ")
    assert "s3cret" not in problem
    assert os.environ[NAME] == "kept"


@pytest.mark.parametrize("encoding", ["cp949", "utf-16"])
def test_a_file_in_another_encoding_is_refused(encoding: str, tmp_path: Path) -> None:
    environment = read(tmp_path, "PORT=3000\n# 한국어 메모\n".encode(encoding))
    ((_, problem),) = environment.problems
    assert problem.startswith(".env is not in UTF-8")


def test_an_env_path_that_is_not_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    ((_, problem),) = Environment(tmp_path / ".env").problems
    assert problem == ".env cannot be read: Is a directory."


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    os.environ[NAME] = "set"
    read(tmp_path, f"{NAME}=from the file".encode())
    assert os.environ[NAME] == "set"
