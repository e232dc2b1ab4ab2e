"""Valkeys that tests use one after another: a node of a cluster takes two seconds until it accepts commands."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from tests import processes


@dataclass(frozen=True)
class Spare:
    """A store that no test uses, and the configuration that it started with."""

    store: processes.Store
    configuration: Mapping[str, str]


class SpareStores:
    """Lends empty stores, and starts as many as are in use at once.

    Args:
        directory: where they keep their data.
        cluster: whether they are nodes of a Redis Cluster, see `processes.valkey`.
        running: ends them.
    """

    def __init__(self, directory: Path, cluster: bool, running: ExitStack) -> None:
        self._directory = directory
        self._cluster = cluster
        self._running = running
        self._started = 0
        self._spare: list[Spare] = []

    @contextmanager
    def lent(self) -> Iterator[processes.Store]:
        """A store to the end of the block. One that was killed or does not answer is not lent again."""
        spare = self._spare.pop() if self._spare else self._start()
        yield spare.store
        if spare.store.process.running and _reset(spare):
            self._spare.append(spare)

    def _start(self) -> Spare:
        self._started += 1
        starting = processes.valkey(self._directory / str(self._started), cluster=self._cluster)
        store = self._running.enter_context(starting)
        with closing(redis.Redis.from_url(store.url, decode_responses=True)) as client:
            return Spare(store, client.config_get("*"))


def _reset(spare: Spare) -> bool:
    """Whether the store is as it was when it started: without keys, scripts and statistics, and configured alike."""
    with closing(redis.Redis.from_url(spare.store.url, decode_responses=True, socket_timeout=1)) as client:
        try:
            for name, value in client.config_get("*").items():
                if value != spare.configuration[name]:
                    client.config_set(name, spare.configuration[name])
            client.flushall()
            client.script_flush()
            client.config_resetstat()
        except redis.RedisError:
            return False
    return True
