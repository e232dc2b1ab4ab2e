"""The data directory: only its owner may read it.

Files and folders are created with restrictive modes. A umask would affect everything else that the process writes, so
only the store's server, a separate process, is started with one.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from doqchat.conf import KEPT_KEY
from doqchat.serving.notice import NAME, NEW
from doqchat.serving.valkey import LOCK, STORE

DATABASE, SECRET, COLLECTED = "db.sqlite3", "secret_key", "collected"
FILES = {
    DATABASE,
    COLLECTED,
    *(f"{DATABASE}-{suffix}" for suffix in ("wal", "shm", "journal")),
    SECRET,
    KEPT_KEY,
    NAME,
    NEW,
}
_OTHERS_RIGHTS = stat.S_IRWXG | stat.S_IRWXO


def make_private_file(file: Path) -> None:
    """Create an empty file and its folder, if missing: SQLite gives its auxiliary files the same mode.

    Failures are left to the code that uses the file.
    """
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))


def tighten(directory: Path) -> None:
    """Remove the permissions of other users on an existing data directory.

    A directory that contains other files, or that is world-writable, is not changed: others may need access. Files that
    belong to another user or cannot be changed are skipped.
    """
    with suppress(OSError):
        entries = list(directory.iterdir())
        ours = [entry for entry in entries if _is_ours(entry)]
        for path in chain(ours, *map(_within, ours)):
            _tighten(path)
        if len(ours) == len(entries) and not directory.stat().st_mode & stat.S_ISVTX:
            _tighten(directory)


def _is_ours(entry: Path) -> bool:
    """Whether an entry of the data directory was created by doqchat; symbolic links never were."""
    if entry.name == STORE:
        return (entry / LOCK).is_file() and not entry.is_symlink()
    return entry.name in FILES and not entry.is_symlink()


def _within(entry: Path) -> Iterator[Path]:
    """The entries of a folder; none for a file."""
    for folder, folders, files in os.walk(entry):
        yield from (Path(folder, each) for each in [*folders, *files])


def _tighten(path: Path) -> None:
    with suppress(OSError):
        found = path.lstat()
        mode = stat.S_IMODE(found.st_mode)
        if found.st_uid == os.geteuid() and mode & _OTHERS_RIGHTS and not stat.S_ISLNK(found.st_mode):
            path.chmod(mode & ~_OTHERS_RIGHTS)
