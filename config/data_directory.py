"""The data directory: what is in it, only its owner may read.

Each file and folder is made with a mode that says so. The umask would do that as well, but it is the whole process's,
and everything else that a site writes would change with it; only the store's server, a process of its own, is started
with one.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from doqchat.serving.notice import NAME, NEW
from doqchat.serving.valkey import LOCK, STORE

DATABASE, SECRET = "db.sqlite3", "secret_key"
FILES = {DATABASE, *(f"{DATABASE}-{suffix}" for suffix in ("wal", "shm", "journal")), SECRET, NAME, NEW}
_OTHERS_RIGHTS = stat.S_IRWXG | stat.S_IRWXO


def make_private_file(file: Path) -> None:
    """Make an empty file, and its folder, if there is none: SQLite gives those beside its database the same mode.

    Where that cannot be, whatever uses the file says so.
    """
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))


def tighten(directory: Path) -> None:
    """Take from others the rights that they have to a data directory from before.

    A directory that holds something else as well, or that everybody may write to, stays as it is: others may have a
    right to be there. Nothing is said of what belongs to another user, or cannot be changed.
    """
    with suppress(OSError):
        entries = list(directory.iterdir())
        ours = [entry for entry in entries if _is_ours(entry)]
        for path in chain(ours, *map(_within, ours)):
            _tighten(path)
        if len(ours) == len(entries) and not directory.stat().st_mode & stat.S_ISVTX:
            _tighten(directory)


def _is_ours(entry: Path) -> bool:
    """Whether an entry of the data directory was made by doqchat; a link was not, wherever it leads."""
    if entry.name == STORE:
        return (entry / LOCK).is_file() and not entry.is_symlink()
    return entry.name in FILES and not entry.is_symlink()


def _within(entry: Path) -> Iterator[Path]:
    """What is in a folder; nothing for a file."""
    for folder, folders, files in os.walk(entry):
        yield from (Path(folder, each) for each in [*folders, *files])


def _tighten(path: Path) -> None:
    with suppress(OSError):
        found = path.lstat()
        mode = stat.S_IMODE(found.st_mode)
        if found.st_uid == os.geteuid() and mode & _OTHERS_RIGHTS and not stat.S_ISLNK(found.st_mode):
            path.chmod(mode & ~_OTHERS_RIGHTS)
