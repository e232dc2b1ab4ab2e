"""An archive in the database, and an archiver whose passes the tests run themselves."""

from collections.abc import AsyncIterator

import pytest

from doqchat.archive.archive import DatabaseArchive
from doqchat.archive.archiver import Archiver
from doqchat.conf import ArchiveSettings
from doqchat.fanout.layer import SessionChannelLayer
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests import processes

LIVE = 10
"""Events that stay in the store."""


@pytest.fixture(autouse=True)
def _database(transactional_db: None) -> None:
    """The archive writes in threads, which see only what is committed."""


@pytest.fixture
async def shards(own_store: processes.Store) -> AsyncIterator[Shards]:
    shards = Shards([own_store.url])
    yield shards
    await shards.close()


@pytest.fixture
async def archive(shards: Shards) -> AsyncIterator[DatabaseArchive]:
    archive = DatabaseArchive(shards)
    yield archive
    await archive.close()


@pytest.fixture
def stream(shards: Shards, archive: DatabaseArchive, own_store: processes.Store) -> SessionStream:
    SessionChannelLayer(hosts=[own_store.url])
    return SessionStream(shards, archive=archive)


@pytest.fixture
async def archiver(shards: Shards) -> AsyncIterator[Archiver]:
    """Keeps LIVE events of a session; sessions leave the store at once, if nobody is there."""
    (shard,) = shards
    archiver = Archiver(shard, ArchiveSettings(LIVE_EVENTS=LIVE, IDLE_MINUTES=None), lambda sid: True)
    yield archiver
    await archiver.close()


@pytest.fixture
async def idle_archiver(shards: Shards) -> AsyncIterator[Archiver]:
    """Sessions leave the store after a millisecond, if nobody is there."""
    (shard,) = shards
    archiver = Archiver(shard, ArchiveSettings(LIVE_EVENTS=LIVE, IDLE_MINUTES=1 / 60_000), lambda sid: True)
    yield archiver
    await archiver.close()
