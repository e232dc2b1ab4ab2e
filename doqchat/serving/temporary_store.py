"""Runs the embedded store for a command, if the site does not run."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

import redis

from doqchat.conf import Settings
from doqchat.serving.start_report import answering
from doqchat.serving.valkey import STORE, EmbeddedStore

STARTS_WITHIN = 120.0
"""How long the store may take to load its data, in seconds."""


def embedded_store(settings: Settings) -> EmbeddedStore | None:
    """The embedded store of the settings; None if the store is external."""
    chosen = settings.embedded_store
    if chosen is None:
        return None
    return EmbeddedStore(settings.data_dir / STORE, chosen.port, chosen.memory, chosen.password)


@contextmanager
def store_for_command(settings: Settings) -> Iterator[None]:
    """The embedded store answers to the end of the block: that of the running site, or one of its own.

    Raises StartError.
    """
    store = embedded_store(settings)
    if store is None or any(map(_answers, settings.store_urls)):
        yield
        return
    asyncio.run(store.claim())
    process = subprocess.Popen(store.command(), stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    try:
        asyncio.run(_wait(store.url))
        yield
    finally:
        process.terminate()
        process.wait()


async def _wait(url: str) -> None:
    await answering(url, STARTS_WITHIN)


def _answers(url: str) -> bool:
    with closing(redis.Redis.from_url(url, socket_connect_timeout=1.0, socket_timeout=1.0)) as client:
        try:
            client.ping()
        except redis.BusyLoadingError:
            return True
        except redis.RedisError:
            return False
    return True
