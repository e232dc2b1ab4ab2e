"""The addresses of a running doqchat, for commands that are started without its environment variables.

`manage.py doqchat_up` writes a file to the data directory and holds a lock on it, which the kernel releases whenever
the process ends. A file without a lock is ignored.
"""

import fcntl
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from doqchat.serving import StartError

NAME, NEW = "running.json", "running.json.new"


class Running(NamedTuple):
    """A running doqchat.

    Attributes:
        store_urls: its stores, with their passwords.
        address: the URL of its home page.
    """

    store_urls: list[str]
    address: str


class Notice:
    """The file in a data directory. Only its owner can read it, because it contains passwords."""

    def __init__(self, directory: Path) -> None:
        self._file, self._new = directory / NAME, directory / NEW
        self._held: IO[str] | None = None

    def post(self, store_urls: Sequence[str], address: str) -> None:
        """Publish the addresses of this process's doqchat, until `remove` or the end of the process.

        Raises StartError if the directory is not writable.
        """
        try:
            self._post(Running(list(store_urls), address))
        except OSError as error:
            folder = self._file.parent
            raise StartError(
                f"{folder}에 쓸 수 없습니다. DOQCHAT_DATA_DIR을 바꾸세요. / "
                f"Cannot write to {folder} ({error.strerror}): choose another directory with DOQCHAT_DATA_DIR."
            ) from error

    def _post(self, running: Running) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._new.unlink(missing_ok=True)  # an existing file would keep its mode
        descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._held = os.fdopen(descriptor, "w")  # the lock lasts as long as it is open
        fcntl.flock(self._held, fcntl.LOCK_EX)
        json.dump(running._asdict(), self._held)
        self._held.flush()
        self._new.replace(self._file)

    def remove(self) -> None:
        """Remove the file, unless another process has replaced it."""
        if self._held is not None:
            with suppress(OSError):
                if os.path.samestat(os.fstat(self._held.fileno()), self._file.stat()):
                    self._file.unlink()
            self._held.close()
            self._held = None


def find_running(directory: Path) -> Running | None:
    """The doqchat that runs on a data directory; None if there is none, or it belongs to another user."""
    try:
        descriptor = os.open(directory / NAME, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(descriptor) as file:
        if os.geteuid() not in (0, os.fstat(descriptor).st_uid) or not _is_held(file):
            return None
        with suppress(ValueError, TypeError):
            return Running(**json.load(file))
    return None


def _is_held(file: IO[str]) -> bool:
    """Whether the process that wrote the file still runs."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False
