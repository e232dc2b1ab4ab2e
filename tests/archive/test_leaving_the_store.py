"""Sessions that nobody uses leave the store, and come back as they were."""

import asyncio
import re

import pytest
import redis

from doqchat.access.principal import Principal
from doqchat.archive.archive import DatabaseArchive
from doqchat.archive.archiver import Archiver
from doqchat.archive.models import ArchivedSession
from doqchat.errors import Conflict, Forbidden, SessionClosed
from doqchat.protocol.ids import BEGINNING, order, position
from doqchat.store import keys
from doqchat.store.ephemeral import ReadReceipts
from doqchat.store.exports import Exports
from doqchat.store.moderation import Moderation
from doqchat.store.presence import Presence, entry
from doqchat.store.revocations import Revocations, Revoked, by_subject
from doqchat.store.settings import Settings
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests.store.refusing import fill, make_room

SOON = re.compile(r":(once|asked|rates|asked:\w+|presence|in_use)(:|$)")
"""Keys that expire within minutes."""


def keys_of(client: "redis.Redis", sid: str) -> list[str]:
    return [key for key in client.keys(f"*chat:session:{sid}*") if not SOON.search(key)]


async def left(archiver: Archiver, client: "redis.Redis", sid: str) -> bool:
    """Whether the session has left the store after a pass."""
    client.delete(keys.own(sid) + "in_use")  # as when it expires
    client.zadd(keys.SESSIONS, {sid: 1})  # as if its last activity were long ago
    await asyncio.sleep(0.002)  # the time after which a session of these tests is idle
    await archiver.prepare()
    await archiver.run_once()
    return keys_of(client, sid) == [] and client.zscore(keys.SESSIONS, sid) is None


async def test_an_idle_session_leaves_no_key_and_its_next_message_continues_it(
    stream: SessionStream, idle_archiver: Archiver, own_client: "redis.Redis", sid: str
) -> None:
    said = [(await stream.append(sid, "A", f"body {number}")).id for number in range(5)]
    assert await left(idle_archiver, own_client, sid)
    assert [entry.id for entry in await stream.read(sid)] == said
    assert await stream.length(sid) == 5
    assert await stream.gap(sid, said[2]) is None
    assert await stream.gap(sid, "99999999999999-0") is not None

    said.append((await stream.append(sid, "B", "later")).id)
    entries = await stream.read(sid)
    assert [(entry.prev, entry.id) for entry in entries] == list(zip([BEGINNING, *said], said, strict=False))
    assert await stream.tail(sid) == said[-1]
    assert await stream.length(sid) == 6
    assert await left(idle_archiver, own_client, sid)
    assert [entry.id for entry in await stream.read(sid)] == said


async def test_ids_increase_though_the_clock_was_set_back(
    stream: SessionStream, idle_archiver: Archiver, own_client: "redis.Redis", sid: str
) -> None:
    await stream.append(sid, "A", "body")
    assert await left(idle_archiver, own_client, sid)
    later = f"{int(own_client.time()[0]) * 1000 + 3_600_000}-7"  # by the clock that was right before
    await ArchivedSession.objects.aupdate(copied=position(later))
    assert order((await stream.append(sid, "A", "next")).id) > order(later)


async def test_settings_receipts_revocations_and_dead_letters_come_back(
    shards: Shards,
    archive: DatabaseArchive,
    stream: SessionStream,
    idle_archiver: Archiver,
    own_client: "redis.Redis",
    sid: str,
) -> None:
    said = await stream.append(sid, "A", "body")
    await Settings(shards).change(sid, {"title": "상담 “1”", "policy": "off"})
    await ReadReceipts(shards).mark(sid, "B", said.id)
    await Revocations(shards).revoke(sid, by_subject("kim"))
    own_client.sadd(keys.dead(sid), "r1-1")
    before = {key: own_client.dump(key) for key in keys_of(own_client, sid) if not key.endswith((sid, "archive"))}
    assert await left(idle_archiver, own_client, sid)

    assert await archive.resume(sid)
    settings = await Settings(shards).of(sid)
    assert (settings.title, settings.policy) == ("상담 “1”", "off")
    kim = Principal(sid, "A", frozenset({"read"}), subject="kim", issued=0.0)
    with pytest.raises(Forbidden):
        Revoked(await Revocations(shards).of(sid)).check(kim)
    assert own_client.hgetall(keys.read_receipts(sid)) == {"B": said.id}
    assert own_client.smembers(keys.dead(sid)) == {"r1-1"}
    assert before.keys() <= set(keys_of(own_client, sid))


async def test_an_export_has_the_settings_of_a_session_that_leaves_meanwhile(
    shards: Shards,
    archive: DatabaseArchive,
    stream: SessionStream,
    idle_archiver: Archiver,
    own_client: "redis.Redis",
    sid: str,
) -> None:
    class Slow(Exports):
        async def _hash(self, sid: str, key: str) -> dict[str, str]:
            await left(idle_archiver, own_client, sid)
            return await super()._hash(sid, key)

    await stream.append(sid, "A", "body")
    await Settings(shards).change(sid, {"title": "lesson"})
    session = await Slow(shards, stream, archive).find(sid)
    assert keys_of(own_client, sid) == []
    assert session.settings.title == "lesson"


async def test_a_closed_session_is_still_closed(
    shards: Shards,
    archive: DatabaseArchive,
    stream: SessionStream,
    idle_archiver: Archiver,
    own_client: "redis.Redis",
    sid: str,
) -> None:
    await stream.append(sid, "A", "body")
    await Moderation(shards, archive).close(sid, "llm", '{"hd":{"event":"session.closed"},"bd":{}}')
    assert await left(idle_archiver, own_client, sid)
    with pytest.raises(SessionClosed):
        await stream.append(sid, "A", "after")


async def test_a_message_sent_again_after_its_session_has_left_is_a_duplicate(
    stream: SessionStream, idle_archiver: Archiver, own_client: "redis.Redis", sid: str
) -> None:
    body = '{"hd":{"event":"chat.message","role":"A","msg_id":"m1"},"bd":{"text":"hi"}}'
    first = await stream.append(sid, "A", body, msg_id="m1", digest="d")
    assert await left(idle_archiver, own_client, sid)
    again = await stream.append(sid, "A", body, msg_id="m1", digest="d")
    assert (again.id, again.duplicate) == (first.id, True)
    with pytest.raises(Conflict):
        await stream.append(sid, "A", body, msg_id="m1", digest="other")
    assert len(await stream.read(sid)) == 1


async def test_a_session_in_use_stays(
    shards: Shards, stream: SessionStream, idle_archiver: Archiver, own_client: "redis.Redis", sid: str
) -> None:
    await stream.append(sid, "A", "body")
    presence, connection = Presence(shards), entry("A:1", None, None)
    await presence.add(sid, [connection])
    assert not await left(idle_archiver, own_client, sid)
    await presence.remove(sid, [connection])
    own_client.sadd(keys.replies(sid), "r1-1")
    assert not await left(idle_archiver, own_client, sid)
    own_client.delete(keys.replies(sid))
    assert await left(idle_archiver, own_client, sid)


async def test_a_call_keeps_a_session_in_the_store(
    stream: SessionStream, idle_archiver: Archiver, own_client: "redis.Redis", sid: str
) -> None:
    now = int(own_client.time()[0]) * 1000
    own_client.xadd(keys.stream(sid), {"participant": "A", "body": "old"}, id=f"{now - 3_600_000}-0")
    await stream.keep(sid)
    own_client.zadd(keys.SESSIONS, {sid: 1})
    await idle_archiver.run_once()
    assert own_client.exists(keys.stream(sid))
    assert await left(idle_archiver, own_client, sid)
    await stream.keep(sid)
    assert own_client.exists(keys.stream(sid))


async def test_an_idle_session_is_used_and_sessions_leave_while_the_store_is_full(
    stream: SessionStream, idle_archiver: Archiver, own_client: "redis.Redis", sid: str
) -> None:
    now = int(own_client.time()[0]) * 1000
    for each in (sid, f"{sid}-2"):
        own_client.xadd(keys.stream(each), {"participant": "A", "body": "old"}, id=f"{now - 3_600_000}-0")
        own_client.zadd(keys.SESSIONS, {each: 1})
    fill(own_client)
    try:
        await stream.keep(sid)
        await idle_archiver.run_once()
        assert own_client.exists(keys.stream(sid))
        assert keys_of(own_client, f"{sid}-2") == []
        await stream.keep(f"{sid}-2")
        assert own_client.exists(keys.stream(f"{sid}-2"))
    finally:
        make_room(own_client)


async def test_a_session_that_never_was_is_not_created_by_reading(
    stream: SessionStream, own_client: "redis.Redis", sid: str
) -> None:
    assert (await stream.read(sid), await stream.get(sid, "1-1"), await stream.length(sid)) == ([], None, 0)
    await stream.keep(sid)
    assert not await stream.resume(sid)
    assert own_client.keys(f"*{sid}*") == []
