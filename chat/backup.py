"""Backups: the store, the database and the site's keys in one file, made while the site runs.

The archiver waits meanwhile: nothing leaves the store, so what the older copy of the database lacks is in the newer
copies of the sessions. Each session is copied at one moment.
"""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _
from msgpack import Unpacker, packb

from doqchat.conf import KEPT_KEY, doqchat_settings
from doqchat.store import dump, keys
from doqchat.store.script import load

VERSION = 1
PAUSED_SECONDS = 20
"""For how long the archiver pauses, unless a thread renews that."""

WAIT_SECONDS = 60.0
"""How long a backup waits until the archiver of each server has stopped."""

SECRETS = ("secret_key", KEPT_KEY)
"""Files of the data directory that are in a backup: without them cookies and tokens are invalid."""

MANIFEST = "manifest.json"
SQLITE, POSTGRESQL = "db.sqlite3", "database.pgdump"

_SET = load("set")

Progress = Callable[[str], None]


class BackupError(Exception):
    """A backup cannot be made or restored; its text is one sentence that says why."""


def make(target: Path, progress: Progress) -> None:
    """Write a backup, under a temporary name until it is complete; only its owner may read it.

    Raises:
        BackupError: see its text; there is no file.
    """
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        with ExitStack() as stack:
            clients = [stack.enter_context(closing(dump.client_of(url))) for url in doqchat_settings().store_urls]
            for client in clients:
                stack.enter_context(_archiver_stopped(client))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-")))
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
                _add(tar, MANIFEST, json.dumps(_manifest(len(clients))).encode())
                for name in SECRETS:
                    if (path := doqchat_settings().data_dir / name).is_file():
                        tar.add(path, name)
                progress(_("Copying the database …"))
                database = _copy_database(folder)
                tar.add(database, database.name)
                for number, client in enumerate(clients):
                    progress(_("Copying store {number} …").format(number=number + 1))
                    tar.add(_copy_store(client, folder / f"store-{number}"), f"store-{number}")
                file.flush()
                os.fsync(file.fileno())
        partial.rename(target)
    except (OSError, sqlite3.Error, redis.RedisError) as error:
        raise BackupError(_("The backup could not be made: {error}").format(error=error)) from error
    finally:
        partial.unlink(missing_ok=True)


def restore(source: Path, progress: Progress) -> None:
    """Restore a backup into an empty store and an empty database. The site must not run.

    Raises:
        BackupError: see its text. The whole file is checked before anything is written, and nothing of it is left.
    """
    try:
        with (
            tempfile.TemporaryDirectory(dir=doqchat_settings().data_dir, prefix=".restore-") as name,
            ExitStack() as stack,
        ):
            folder = Path(name)
            progress(_("Checking the backup …"))
            _unpack(source, folder)
            urls = doqchat_settings().store_urls
            _check(_manifest_in(folder), len(urls))
            clients = [stack.enter_context(closing(dump.client_of(url))) for url in urls]
            if any(map(dump.has_sessions, clients)):
                raise BackupError(_("The store has sessions; a backup is restored into an empty one."))
            if _has_rows():
                raise BackupError(_("The database is not empty; a backup is restored into an empty one."))
            for number in range(len(urls)):
                for _rows in _read_store(folder / f"store-{number}"):
                    pass
            _check_database(folder)
            undoing = stack.enter_context(ExitStack())
            for number, client in enumerate(clients):
                progress(_("Restoring store {number} …").format(number=number + 1))
                undoing.callback(_empty_store, client, folder / f"store-{number}")
                _restore_store(client, folder / f"store-{number}")
            progress(_("Restoring the database …"))
            _restore_database(folder)
            undoing.pop_all()
            for each in SECRETS:
                if (folder / each).is_file():
                    shutil.copy(folder / each, doqchat_settings().data_dir / each)
    except (OSError, tarfile.TarError, zlib.error, EOFError, sqlite3.Error, redis.RedisError, ValueError) as error:
        raise BackupError(_("The backup could not be restored: {error}").format(error=error)) from error


@contextmanager
def _archiver_stopped(client: "redis.Redis") -> Iterator[None]:
    """Pauses the archiver of this server until the block ends.

    Raises BackupError if it does not stop within WAIT_SECONDS.
    """
    done = threading.Event()

    def pause() -> None:
        client.eval(_SET.text, 1, keys.ARCHIVER_PAUSED, packb({"value": "1", "ms": PAUSED_SECONDS * 1000}))

    def keep_pausing() -> None:
        while not done.wait(PAUSED_SECONDS / 4):
            with suppress(redis.RedisError):
                pause()

    pause()
    pausing = threading.Thread(target=keep_pausing, daemon=True)
    pausing.start()
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while client.exists(keys.ARCHIVER):
            if time.monotonic() > deadline:
                raise BackupError(_("The archiver does not stop; see the worker's log, and try again."))
            time.sleep(0.05)
        yield
    finally:
        done.set()
        pausing.join()
        with suppress(redis.RedisError):
            client.delete(keys.ARCHIVER_PAUSED)


def _manifest(shards: int) -> dict[str, Any]:
    return {"version": VERSION, "made": timezone.now().isoformat(), "stores": shards, "database": connection.vendor}


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    tar.addfile(info, io.BytesIO(content))


def _copy_database(folder: Path) -> Path:
    """A consistent copy of the database, in a file."""
    if connection.vendor == "sqlite":
        target = folder / SQLITE
        with closing(sqlite3.connect(target)) as copy, closing(_sqlite()) as source:
            source.backup(copy)
        return target
    target = folder / POSTGRESQL
    _run("pg_dump", "--format=custom", "--file", str(target), *_database())
    return target


def _check_database(folder: Path) -> None:
    """Raises BackupError if the copy of the database is missing or damaged."""
    name = SQLITE if connection.vendor == "sqlite" else POSTGRESQL
    if not (folder / name).is_file():
        raise BackupError(_("The backup is not complete: the database is missing."))
    if name == SQLITE:
        with closing(sqlite3.connect(folder / name)) as copy:
            (result,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if result != "ok":
            raise BackupError(_("The database in the backup is damaged: {result}").format(result=result))


def _restore_database(folder: Path) -> None:
    if connection.vendor == "sqlite":
        connection.close()
        with closing(sqlite3.connect(folder / SQLITE)) as copy, closing(_sqlite()) as target:
            copy.backup(target)
        return
    options = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
    _run("pg_restore", *options, "--dbname", *_database(), str(folder / POSTGRESQL))


def _run(program: str, *arguments: str) -> None:
    """Run a client program of PostgreSQL; raises BackupError."""
    path = shutil.which(program)
    if path is None:
        raise BackupError(
            _("{program} is not installed; it comes with PostgreSQL's client programs.").format(program=program)
        )
    password = settings.DATABASES["default"].get("PASSWORD")
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    done = subprocess.run([path, *arguments], env=environment, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise BackupError(_("{program} failed: {error}").format(program=program, error=done.stderr.strip()))


def _sqlite() -> sqlite3.Connection:
    return sqlite3.connect(str(settings.DATABASES["default"]["NAME"]), timeout=WAIT_SECONDS)


def _database() -> list[str]:
    """The address of a PostgreSQL database, for its programs; the password is in the environment."""
    known = settings.DATABASES["default"]
    names = {"host": "HOST", "port": "PORT", "user": "USER", "dbname": "NAME"}
    return [" ".join(f"{name}='{known[key]}'" for name, key in names.items() if known.get(key))]


def _copy_store(client: "redis.Redis", target: Path) -> Path:
    with target.open("wb") as file:
        for dumped in dump.dump(client):
            file.write(packb([list(each) for each in dumped]))
        file.write(packb(None))  # the end: a file that was cut off lacks it
    return target


def _read_store(file: Path) -> Iterator[list[dump.Dumped]]:
    """What `_copy_store` has written; raises BackupError if it is not complete."""
    if not file.is_file():
        raise BackupError(_("The backup is not complete: a part of the store is missing."))
    with file.open("rb") as opened:
        for rows in Unpacker(opened, raw=True, max_buffer_size=0):
            if rows is None:
                return
            yield [dump.Dumped(*row) for row in rows]
    raise BackupError(_("The backup is not complete: a part of the store is missing."))


def _restore_store(client: "redis.Redis", file: Path) -> None:
    for dumped in _read_store(file):
        dump.restore(client, dumped)


def _empty_store(client: "redis.Redis", file: Path) -> None:
    """Delete what `_restore_store` has written."""
    with suppress(redis.RedisError):
        for dumped in _read_store(file):
            if dumped:
                client.delete(*(each.key for each in dumped))


def _unpack(source: Path, folder: Path) -> None:
    with tarfile.open(source, "r:gz") as tar:
        for member in tar:
            if not member.isfile() or Path(member.name).name != member.name:
                raise BackupError(_("The backup has something else in it: {name}").format(name=member.name))
            content = tar.extractfile(member)
            if content is not None:
                with (folder / member.name).open("wb") as file:
                    shutil.copyfileobj(content, file)


def _manifest_in(folder: Path) -> dict[str, Any]:
    """The manifest of a backup; raises BackupError if it is that of something else."""
    known: Any = None
    with suppress(FileNotFoundError, ValueError):
        known = json.loads((folder / MANIFEST).read_text("utf-8"))
    if not isinstance(known, dict) or not {"version", "stores", "database"} <= known.keys():
        raise BackupError(_("This is not a backup of doqchat."))
    return known


def _check(manifest: dict[str, Any], shards: int) -> None:
    if manifest["version"] != VERSION:
        sentence = _("The backup has version {version}; this doqchat restores version {known}.")
        raise BackupError(sentence.format(version=manifest["version"], known=VERSION))
    if manifest["database"] != connection.vendor:
        sentence = _("The backup is of {theirs}, and the database here is {ours}.")
        raise BackupError(sentence.format(theirs=manifest["database"], ours=connection.vendor))
    if manifest["stores"] != shards:
        sentence = _("The backup is of {theirs} stores, and DOQCHAT_REDIS_URL has {ours}.")
        raise BackupError(sentence.format(theirs=manifest["stores"], ours=shards))


def _has_rows() -> bool:
    """Whether the database has more than what `migrate` writes."""
    return any(_has_row(model) for model in apps.get_models() if model not in (ContentType, Permission))


def _has_row(model: type[Model]) -> bool:
    try:
        return model._base_manager.exists()
    except DatabaseError:  # there are no tables yet
        return False
