"""Reads and casts environment variables, and collects errors.

An invalid value does not raise: the default is used and the error is recorded, so that `manage.py check` (and every
command, which runs the checks first) can report all errors at once. pydantic-settings would raise instead of using the
defaults, and has no database URLs.
"""

import math
import os
import re
import secrets
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from django.db.utils import load_backend
from dotenv.parser import Binding, parse_stream

from doqchat.access.published_keys import check_source
from doqchat.access.verification_keys import check_token_key, kept_secret
from doqchat.conf import LimitSettings
from doqchat.protocol.names import MAX_FRAME_BYTES
from doqchat.serving.memory import memory_limit
from doqchat.store.clients import EXPECTED_URL, check_store_url

T = TypeVar("T")
D = TypeVar("D")

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off", ""}

DRIVERS = {
    "django.db.backends.postgresql": "psycopg[binary]",
    "django.db.backends.mysql": "mysqlclient",
    "django.db.backends.oracle": "oracledb",
}
"""The package with the driver of each of Django's own database backends."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SEGMENTS = re.compile(r"/?(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?")


class _Unusable(ValueError):
    """An invalid value, with a complete sentence instead of the expected format."""


class Environment:
    """Typed look-ups in the process environment and an optional `.env` file beside the project.

    Variables that are set take precedence over the file. `problems` collects pairs of a variable's name and one
    sentence about the expected value.
    """

    def __init__(self, env_file: Path) -> None:
        self.problems: list[tuple[str, str]] = []
        self._read(env_file)

    def _read(self, file: Path) -> None:
        """Set the variables of a file of lines NAME=value, except those that are set already."""
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            self.problems.append((file.name, f"{file.name} is not in UTF-8, see line {line}: save it in UTF-8."))
            return
        except OSError as error:
            self.problems.append((file.name, f"{file.name} cannot be read: {error.strerror}."))
            return
        for binding in parse_stream(StringIO(text)):
            if binding.error or binding.key is not None:
                self._set(binding, file.name)

    def _set(self, binding: Binding, file: str) -> None:
        name, value = binding.key or "", binding.value
        if value is None or not _NAME.fullmatch(name) or "\0" in value:
            text = binding.original.string
            blank_lines = text.count("\n", 0, len(text) - len(text.lstrip()))
            expected = "write NAME=value, and quote values with spaces or a #."
            self.problems.append((file, f"{file}, line {binding.original.line + blank_lines}: {expected}"))
        else:
            # As bytes: the locale's encoding, which os.environ is in, may have no such characters.
            os.environb.setdefault(name.encode(), value.encode())

    def text(self, name: str, default: str = "") -> str:
        """The variable unchanged, or the default if it is unset or empty."""
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

    def prices(self, name: str) -> dict[str, float] | None:
        """The prices of a million input and output tokens, separated by a comma; None if unset."""

        def cast(value: str) -> dict[str, float]:
            asked, said = (float(price) for price in value.split(","))
            if not (0 <= asked < math.inf and 0 <= said < math.inf):
                raise ValueError
            return {"INPUT": asked, "OUTPUT": said}

        expected = "the prices of a million input tokens and a million output tokens, such as 0.3,2.5"
        return self._cast(name, None, cast, expected)

    def flag(self, name: str, default: bool) -> bool:
        """A boolean: 1, true, yes, on or 0, false, no, off."""

        def cast(value: str) -> bool:
            if value.lower() in TRUE_WORDS | FALSE_WORDS:
                return value.lower() in TRUE_WORDS
            raise ValueError

        return self._cast(name, default, cast, "true or false")

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        """One of the given words."""

        def cast(value: str) -> str:
            if value not in choices:
                raise ValueError
            return value

        return self._cast(name, default, cast, "one of " + ", ".join(choices))

    def time_zone(self, name: str, default: str) -> str:
        """The name of a time zone that the system knows."""
        return self._cast(name, default, lambda value: ZoneInfo(value).key, "a time zone such as Asia/Seoul or UTC")

    def memory(self, name: str, default: str) -> int:
        """An amount of memory, or a percentage of the machine's, in bytes."""
        expected = (
            "an amount of memory such as 512mb or 2gb, at least 16mb, or a percentage of the machine's such as 50%"
        )
        return self._cast(name, memory_limit(default), memory_limit, expected)

    def database(self, name: str, default: str) -> dict[str, object]:
        """A database URL as an entry of Django's DATABASES."""
        expected = "a database URL such as sqlite:////var/lib/doqchat/db.sqlite3 or postgres://user:password@host/name"

        def cast(value: str) -> dict[str, object]:
            parts = urlsplit(value)
            if parts.scheme not in environ.Env.DB_SCHEMES or (parts.scheme == "sqlite" and parts.netloc):
                raise ValueError  # for which environ would print a warning, with the password
            entry: dict[str, object] = environ.Env.db_url_config(value)
            if entry["NAME"] in ("", ":memory:"):
                raise ValueError
            engine = str(entry["ENGINE"])
            try:
                load_backend(engine)
            except Exception as error:
                if engine not in DRIVERS:
                    raise
                install = f".venv/bin/pip install '{DRIVERS[engine]}'"
                raise _Unusable(f"{name} needs a driver that is not installed: {install}.") from error
            return entry

        return self._cast(name, cast(default), cast, expected)

    def store_urls(self, name: str, default: str) -> list[str]:
        """The addresses of Redis or Valkey servers, separated by commas."""
        expected = EXPECTED_URL.replace("; ", ", several separated by commas; ", 1)

        def cast(value: str) -> list[str]:
            return [check_store_url(url) for url in self.words(name)]

        return self._cast(name, [default], cast, expected)

    def limits(self, name: str) -> dict[str, int | None]:
        """Limits such as `ADDRESS_CONNECTIONS=64, SESSION_MESSAGES=none`; doqchat/conf.py has their names."""

        def cast(value: str) -> dict[str, int | None]:
            pairs = [word.partition("=") for word in self.words(name)]
            limits = {
                limit.strip(): None if most.strip().lower() == "none" else int(most.replace("_", ""))
                for limit, _, most in pairs
            }
            LimitSettings.model_validate(limits)
            return limits

        known = ", ".join(field.upper() for field in LimitSettings.model_fields)
        expected = (
            f"NAME=NUMBER, several separated by commas, with none for no limit; numbers are at least 1, sizes at least "
            f"{MAX_FRAME_BYTES}. The names are {known}"
        )
        return self._cast(name, {}, cast, expected)

    def token_key(self, name: str) -> str | None:
        """A key for HS256; None when the variable is unset."""
        return self._cast(name, None, check_token_key, "a secret of 32 bytes or more, which no public key is")

    def long_secret(self, name: str) -> str | None:
        """A secret of 16 characters or more; None when the variable is unset."""

        def cast(value: str) -> str:
            if len(value) < 16 or not value.isascii() or not value.isprintable():
                raise ValueError
            return value

        return self._cast(name, None, cast, "a secret of 16 ASCII characters or more")

    def token_jwks(self, name: str) -> str | None:
        """A file or URL with public keys; None when the variable is unset."""
        return self._cast(name, None, check_source, "the path of a file, https://… or, on this machine, http://…")

    def url_path(self, name: str) -> str:
        """A path of a URL with a slash at both ends; `/` when the variable is unset."""

        def cast(value: str) -> str:
            if value == "/":
                return value
            if not _SEGMENTS.fullmatch(value):
                raise ValueError
            return f"/{value.strip('/')}/"

        return self._cast(name, "/", cast, "a path such as /chat/, of letters, digits or _ . ~ -")

    def secret(self, name: str, file: Path) -> str:
        """The variable or, if it is unset, the secret stored in a file."""
        try:
            return self.text(name) or kept_secret(file)
        except OSError as error:
            reason = f"{file.parent}: {error.strerror}"
            problem = f"DOQCHAT_DATA_DIR must be a directory that can be written to, or {name} must be set ({reason})."
        except ValueError:
            problem = f"{file} contains no secret key: remove it to generate another."
        self.problems.append((name, problem))
        return secrets.token_urlsafe(50)

    def _cast(self, name: str, default: D, cast: Callable[[str], T], expected: str) -> T | D:
        value = os.environ.get(name, "").strip()
        if not value:
            return default
        try:
            return cast(value)
        except _Unusable as problem:
            self.problems.append((name, str(problem)))
        except Exception:  # any other exception of a cast: name the variable and the expected value
            self.problems.append((name, f"{name} must be {expected}."))
        return default
