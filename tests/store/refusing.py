"""Stores that take no writes, for the reasons that real ones have."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import redis

from tests import processes

SNAPSHOT = "dump.rdb"
CANNOT_SAVE = ("--save", "3600 1", "--dbfilename", SNAPSHOT)


def fill(client: "redis.Redis") -> None:
    """Leave no memory."""
    client.config_set("maxmemory", 1)


def make_room(client: "redis.Redis") -> None:
    """Leave any amount of memory."""
    client.config_set("maxmemory", 0)


@contextmanager
def valkey_that_cannot_save(directory: Path) -> Iterator[processes.Store]:
    """A Valkey whose disk fails when it is told to write a snapshot (`fail_disk`)."""
    (directory / SNAPSHOT).mkdir(parents=True)  # where a file should be
    with processes.valkey(directory, 0, *CANNOT_SAVE) as store, closing(redis.Redis.from_url(store.url)) as client:
        yield store
        with suppress(redis.ConnectionError):
            client.config_set("save", "")  # or it would not end before it has saved


def fail_disk(client: "redis.Redis") -> None:
    """Let a snapshot fail: from then on writes are refused with MISCONF."""
    client.bgsave()
    while client.info("persistence")["rdb_last_bgsave_status"] != "err":
        pass


def mend_disk(client: "redis.Redis") -> None:
    """Take writes whatever becomes of snapshots."""
    client.config_set("stop-writes-on-bgsave-error", "no")
