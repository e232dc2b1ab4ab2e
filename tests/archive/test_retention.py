"""Events are deleted after the days that the site or their session keeps them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import override_settings

from doqchat import erasure
from doqchat.archive import writing
from doqchat.archive.archive import DatabaseArchive
from doqchat.archive.archiver import Archiver
from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.conf import ArchiveSettings
from doqchat.engine import Engine
from doqchat.errors import Conflict
from doqchat.protocol.ids import BEGINNING
from doqchat.signals import events_archived
from doqchat.store import keys
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests import processes
from tests.archive.archived import archive as archive_texts
from tests.ports import free_port
from tests.replies.working import working

DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
async def archiver(shards: Shards) -> AsyncIterator[Archiver]:
    """Keeps events for 10 days."""
    (shard,) = shards
    archiver = Archiver(shard, ArchiveSettings(LIVE_HOURS=None, RETENTION_DAYS=10), lambda sid: True)
    yield archiver
    await archiver.close()


@pytest.fixture
def ids(own_client: "redis.Redis", sid: str) -> list[str]:
    """A session with an event of each of the last 20 days, oldest first."""
    now = int(own_client.time()[0]) * 1000 + 3_600_000
    return [
        str(own_client.xadd(keys.stream(sid), {"participant": "A", "body": f"day {day}"}, id=f"{now - day * DAY_MS}-0"))
        for day in range(20, 0, -1)
    ]


async def kept(stream: SessionStream, archiver: Archiver, sid: str) -> list[str]:
    """The ids of the events after a complete pass; equal in the archive and for readers."""
    await archiver.prepare()
    await archiver.run_once()
    return [entry.id for entry in await stream.read(sid)]


async def gone(sid: str) -> None:
    """Return when the archive has no events of a session."""
    async with asyncio.timeout(15):
        while await ArchivedEvent.objects.filter(session__sid=sid).aexists():  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.05)


async def change(sid: str, **fields: Any) -> None:
    await ArchivedSession.objects.filter(sid=sid).aupdate(**fields)


async def test_old_events_are_deleted_in_the_store_and_the_archive(
    stream: SessionStream, archiver: Archiver, own_client: "redis.Redis", sid: str, ids: list[str]
) -> None:
    assert await kept(stream, archiver, sid) == ids[10:]
    assert await ArchivedEvent.objects.acount() == 10
    assert [entry_id for entry_id, _ in own_client.xrange(keys.stream(sid))] == ids[10:]
    assert await stream.length(sid) == 10
    gap = await stream.gap(sid, ids[3])
    assert gap is not None
    assert gap.oldest_id == ids[10]
    assert await stream.gap(sid, ids[9]) is None
    assert await stream.gap(sid, ids[12]) is None
    assert (await stream.read(sid, count=1))[0].prev == BEGINNING


async def test_a_session_may_keep_its_events_for_longer_or_shorter(
    stream: SessionStream, archiver: Archiver, sid: str, ids: list[str]
) -> None:
    await archiver.copier.copy([sid])
    await change(sid, retention_days=15)
    assert await kept(stream, archiver, sid) == ids[5:]
    await change(sid, retention_days=2)
    assert await kept(stream, archiver, sid) == ids[18:]


async def test_a_session_may_keep_its_events_for_shorter_on_a_site_that_keeps_all(
    stream: SessionStream, archiver: Archiver, own_client: "redis.Redis", sid: str, ids: list[str]
) -> None:
    everything = Archiver(archiver._shard, ArchiveSettings(LIVE_HOURS=None, IDLE_MINUTES=None), lambda sid: True)
    await everything.copier.copy([sid])
    await change(sid, retention_days=2)
    assert await kept(stream, everything, sid) == ids[18:]
    assert [entry_id for entry_id, _ in own_client.xrange(keys.stream(sid))] == ids[18:]
    await everything.close()


async def test_nothing_of_a_session_on_legal_hold_is_deleted(
    stream: SessionStream, archiver: Archiver, sid: str, ids: list[str]
) -> None:
    await archiver.copier.copy([sid])
    await change(sid, hold=True)
    assert await kept(stream, archiver, sid) == ids
    await change(sid, hold=False)
    assert await kept(stream, archiver, sid) == ids[10:]


async def test_a_session_whose_events_were_all_deleted_continues(
    stream: SessionStream, archive: DatabaseArchive, archiver: Archiver, own_client: "redis.Redis", sid: str
) -> None:
    now = int(own_client.time()[0]) * 1000
    old = str(own_client.xadd(keys.stream(sid), {"participant": "A", "body": "old"}, id=f"{now - 30 * DAY_MS}-0"))
    assert await kept(stream, archiver, sid) == []
    new = await stream.append(sid, "A", "new")
    (entry,) = await stream.read(sid)
    assert (entry.id, entry.prev) == (new.id, BEGINNING)
    assert await stream.gap(sid, old) is None
    assert await archive.first_id(sid) is None
    assert await stream.length(sid) == 1


@pytest.mark.parametrize(("days", "left"), [(11, 2), (1, 0)], ids=["some", "all"])
async def test_events_whose_worker_died_before_it_recorded_their_deletion_are_not_counted(
    stream: SessionStream, archiver: Archiver, own_client: "redis.Redis", sid: str, ids: list[str], days: int, left: int
) -> None:
    await archiver.copier.copy([sid])
    await change(sid, hold=True, retention_days=20)
    live = Archiver(archiver._shard, ArchiveSettings(LIVE_EVENTS=10, LIVE_HOURS=None), lambda sid: True)
    await kept(stream, live, sid)
    await live.close()
    await change(sid, hold=False)
    border = ids[9]
    await archiver._database.run(writing.expire, sid, f"{int(ids[-1].partition('-')[0]) - days * DAY_MS}-0", border, 50)
    assert await stream.length(sid) == 20
    await kept(stream, archiver, sid)
    assert await stream.length(sid) == 10 + left
    assert [entry.id for entry in await stream.read(sid)] == ids[10 - left :]
    assert own_client.hexists(f"{keys.own(sid)}archive", "expired") == (not left)


async def test_a_worker_deletes_the_old_events_of_the_sessions_on_its_servers(
    own_store: processes.Store, sid: str
) -> None:
    away = f"redis://127.0.0.1:{free_port()}/0"
    doqchat = {**settings.DOQCHAT, "STORE_URLS": [own_store.url, away], "ARCHIVE": {"RETENTION_DAYS": 10}}
    with override_settings(DOQCHAT=doqchat, CHANNEL_LAYERS=settings.CHANNEL_LAYERS):
        engine = Engine()
        names = [f"{sid}-{number}" for number in range(50)]
        here, elsewhere = (
            next(each for each in names if engine.stream.server(each) == url) for url in (own_store.url, away)
        )
        for each in (elsewhere, here):
            await sync_to_async(archive_texts)(each, "long ago")
        async with working(engine):
            await gone(here)
        await engine.close()
    assert await ArchivedEvent.objects.filter(session__sid=elsewhere).acount() == 1


async def test_a_legal_hold_ends_a_running_erasure(
    own_store: processes.Store, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "AT_ONCE", 1)

    def hold(**kwargs: Any) -> None:
        ArchivedSession.objects.filter(sid=sid).update(hold=True)

    doqchat = {**settings.DOQCHAT, "STORE_URLS": [own_store.url], "ARCHIVE": {}}
    with override_settings(DOQCHAT=doqchat, CHANNEL_LAYERS=settings.CHANNEL_LAYERS):
        engine = Engine()
        await sync_to_async(archive_texts)(sid, "first", "second")
        events_archived.connect(hold)
        try:
            with pytest.raises(Conflict):
                await erasure.Eraser(engine).session(sid)
        finally:
            events_archived.disconnect(hold)
            await engine.close()
    bodies = [event.body async for event in ArchivedEvent.objects.filter(session__sid=sid).order_by("position")]
    assert ["first" in bodies[0], "second" in bodies[1]] == [False, True]
