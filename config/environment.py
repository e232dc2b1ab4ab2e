"""Reads the environment, casts it, and notes what cannot be used.

A value that does not cast never raises here: the default takes its place and the problem is kept, so that
`manage.py check` (and every command, which runs the checks first) can say all that is wrong at once.
"""

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import environ

from doqchat.serving.memory import memory_limit

T = TypeVar("T")

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off", ""}


class Environment:
    """Typed look-ups in the process environment and an optional `.env` file beside the project.

    Variables that are set win over the file. `problems` collects pairs of a variable's name and one sentence
    that says what it should be.
    """

    def __init__(self, env_file: Path) -> None:
        if env_file.is_file():
            environ.Env.read_env(str(env_file))
        self.problems: list[tuple[str, str]] = []

    def text(self, name: str, default: str = "") -> str:
        """The variable as it stands, or the default when it is unset or empty."""
        return os.environ.get(name, "").strip() or default

    def words(self, name: str, default: Sequence[str] = ()) -> list[str]:
        """The variable split at commas, without empty parts."""
        words = [word.strip() for word in os.environ.get(name, "").split(",")]
        return [word for word in words if word] or list(default)

    def integer(self, name: str, default: int, minimum: int, maximum: int) -> int:
        """A whole number between minimum and maximum, both included."""

        def cast(value: str) -> int:
            number = int(value)
            if not minimum <= number <= maximum:
                raise ValueError
            return number

        return self._cast(name, default, cast, f"a whole number from {minimum} to {maximum}")

    def flag(self, name: str, default: bool) -> bool:
        """A truth value: 1, true, yes, on or 0, false, no, off."""

        def cast(value: str) -> bool:
            if value.lower() in TRUE_WORDS | FALSE_WORDS:
                return value.lower() in TRUE_WORDS
            raise ValueError

        return self._cast(name, default, cast, "true or false")

    def choice(self, name: str, default: str, choices: Sequence[str], expected: str = "") -> str:
        """One of the given words; `expected` describes them where they are too many to be listed."""

        def cast(value: str) -> str:
            if value not in choices:
                raise ValueError
            return value

        return self._cast(name, default, cast, expected or "one of " + ", ".join(choices))

    def memory(self, name: str, default: str) -> int:
        """An amount of memory, or a share of the machine's, in bytes."""
        expected = "an amount of memory such as 512mb or 2gb, 16mb at least, or a share of the machine's such as 50%"
        return self._cast(name, memory_limit(default), memory_limit, expected)

    def database(self, name: str, default: str) -> dict[str, object]:
        """A database URL as an entry of Django's DATABASES."""
        expected = "a database URL such as sqlite:////var/lib/doqchat/db.sqlite3 or postgres://user:password@host/name"

        def cast(value: str) -> dict[str, object]:
            entry: dict[str, object] = environ.Env.db_url_config(value)
            if not entry.get("ENGINE"):
                raise ValueError
            return entry

        return self._cast(name, cast(default), cast, expected)

    def _cast(self, name: str, default: T, cast: Callable[[str], T], expected: str) -> T:
        value = os.environ.get(name, "").strip()
        if not value:
            return default
        try:
            return cast(value)
        except Exception:  # whatever a cast raises, the answer is the same: name the variable and what it takes
            self.problems.append((name, f"{name} must be {expected}."))
            return default


def kept_secret(file: Path) -> str:
    """The secret key kept in a file that only its owner can read; made on first use.

    Raises OSError when the folder cannot be written to.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    with os.fdopen(descriptor, "w") as opened:
        secret = secrets.token_urlsafe(50)
        opened.write(secret)
    return secret
