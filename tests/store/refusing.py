"""Makes stores refuse writes, for realistic reasons."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import redis

from tests import processes

SNAPSHOT = "dump.rdb"
CANNOT_SAVE = ("--save", "3600 1", "--dbfilename", SNAPSHOT)


def fill(client: "redis.Redis") -> None:
    """Make the store full."""
    client.config_set("maxmemory", 1)


def make_room(client: "redis.Redis") -> None:
    """Remove the memory limit."""
    client.config_set("maxmemory", 0)


@contextmanager
def valkey_that_cannot_save(directory: Path) -> Iterator[processes.Store]:
    """A Valkey that cannot write a snapshot to its disk (see `fail_disk`)."""
    (directory / SNAPSHOT).mkdir(parents=True)  # a directory in place of the file
    with processes.valkey(directory, 0, *CANNOT_SAVE) as store, closing(redis.Redis.from_url(store.url)) as client:
        yield store
        with suppress(redis.ConnectionError):
            client.config_set("save", "")  # otherwise it does not exit before it has saved


def fail_disk(client: "redis.Redis") -> None:
    """Let a snapshot fail; then writes are refused with MISCONF."""
    client.bgsave()
    while client.info("persistence")["rdb_last_bgsave_status"] != "err":
        pass


def mend_disk(client: "redis.Redis") -> None:
    """Accept writes despite failed snapshots."""
    client.config_set("stop-writes-on-bgsave-error", "no")
