"""What other programs write to a session does not stop the archiver."""

import pytest
import redis

from doqchat.archive.archiver import Archiver
from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.store import keys
from doqchat.store.stream import SessionStream
from tests.archive.conftest import LIVE
from tests.archive.test_leaving_the_store import left


@pytest.mark.parametrize("name", ["", "archive", "settings", "read", "dead", "presence"])
async def test_a_session_with_a_key_of_the_wrong_type_does_not_delay_others(
    stream: SessionStream, idle_archiver: Archiver, own_client: "redis.Redis", sid: str, name: str
) -> None:
    broken = f"broken-{sid}"
    if name:
        await stream.append(broken, "A", "body")
    own_client.set(keys.own(broken) + name if name else keys.stream(broken), "not what is expected")
    own_client.zadd(keys.SESSIONS, {broken: 1})
    await stream.append(sid, "A", "body")
    assert await left(idle_archiver, own_client, sid)
    assert own_client.get(keys.own(broken) + name if name else keys.stream(broken)) == "not what is expected"


async def test_an_id_that_does_not_fit_stays_in_the_store_and_the_others_are_archived(
    stream: SessionStream, archiver: Archiver, own_client: "redis.Redis", sid: str
) -> None:
    for number in range(3 * LIVE):
        await stream.append(sid, "A", str(number))
    last = f"{2**64 - 1}-{2**64 - 2}"
    own_client.xadd(keys.stream(sid), {"participant": "A", "body": "the end of time"}, id=last)
    await archiver.run_once()
    assert own_client.xlen(keys.stream(sid)) == LIVE + 1
    assert [entry.body for entry in await stream.read_back(sid, count=2)] == ["the end of time", str(3 * LIVE - 1)]
    assert len(await stream.read(sid)) == 3 * LIVE + 1


@pytest.mark.parametrize(
    "fields", [{b"body": b"\x00\xff"}, {b"participant": b"\xed\xa0\x80"}, {b"other": b"field"}, {b"body": b"{" * 5000}]
)
async def test_entries_of_other_programs_are_archived_as_text(
    stream: SessionStream, archiver: Archiver, own_client: "redis.Redis", sid: str, fields: dict[bytes, bytes]
) -> None:
    own_client.execute_command("XADD", keys.stream(sid), "*", *(part for pair in fields.items() for part in pair))
    for number in range(2 * LIVE):
        await stream.append(sid, "A", str(number))
    before = [entry.wire() for entry in await stream.read(sid)]
    await archiver.run_once()
    assert own_client.xlen(keys.stream(sid)) == LIVE
    assert [entry.wire() for entry in await stream.read(sid)] == before
    assert await ArchivedEvent.objects.acount() == (await ArchivedSession.objects.aget(sid=sid)).events
