"""An import restores a session as it was exported, or changes nothing."""

import io
import json
from collections.abc import Callable

import pytest
import redis

from doqchat.archive import writing
from doqchat.archive.archive import DatabaseArchive
from doqchat.archive.archiver import Archiver
from doqchat.archive.document import InvalidDocument, JSONDocument
from doqchat.archive.importing import SessionExists, import_session
from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.errors import Muted, NotFound, SessionClosed
from doqchat.store.ephemeral import ReadReceipts
from doqchat.store.exports import Exports
from doqchat.store.moderation import Moderation
from doqchat.store.revocations import Revocations, by_subject
from doqchat.store.settings import Settings
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests.archive.conftest import LIVE

LENGTH = 3 * LIVE
Change = Callable[[list[bytes]], list[bytes]]


@pytest.fixture
def exported(shards: Shards, stream: SessionStream, archive: DatabaseArchive) -> Exports:
    return Exports(shards, stream, archive)


async def said(stream: SessionStream, sid: str, count: int = LENGTH) -> list[str]:
    bodies = ['{"hd":{"event":"chat.message"},"bd":{"text":"안녕"}}', "not an envelope\r\n\u2028", ""]
    return [(await stream.append(sid, "AB"[each % 2], bodies[each % 3])).id for each in range(count)]


async def document(exported: Exports, sid: str) -> bytes:
    session = await exported.find(sid)
    form = JSONDocument(session)
    texts = [text async for text in exported.written(session, form.event)]
    return "".join([form.begin(), *texts, form.end()]).encode()


async def imported(archive: DatabaseArchive, content: bytes) -> object:
    return await archive._database.run(import_session, io.BytesIO(content))


async def test_an_import_gives_the_same_export_and_its_session_continues(
    shards: Shards,
    archive: DatabaseArchive,
    stream: SessionStream,
    exported: Exports,
    archiver: Archiver,
    own_client: "redis.Redis",
    sid: str,
) -> None:
    ids = await said(stream, sid)
    await Settings(shards).change(sid, {"title": "상담 “1”", "wait_seconds": "0.5", "policy": "off"})
    await archiver.run_once()
    before = await document(exported, sid)
    assert [event["id"] for event in json.loads(before)["events"]] == ids
    own_client.flushall()
    await ArchivedEvent.objects.all().adelete()
    await ArchivedSession.objects.all().adelete()

    await imported(archive, before)
    assert await document(exported, sid) == before
    assert own_client.keys(f"*{sid}*") == []
    await stream.append(sid, "B", "later")
    last = (await stream.read_back(sid, count=1))[0]
    assert (last.prev, last.body) == (ids[-1], "later")
    settings = await Settings(shards).of(sid)
    assert (settings.title, settings.wait_seconds, settings.policy) == ("상담 “1”", 0.5, "off")
    assert await stream.length(sid) == LENGTH + 1


async def test_a_closed_session_is_still_closed_after_an_import(
    shards: Shards,
    archive: DatabaseArchive,
    stream: SessionStream,
    exported: Exports,
    own_client: "redis.Redis",
    sid: str,
) -> None:
    await said(stream, sid)
    await Moderation(shards, archive).close(sid, "llm", '{"hd":{"event":"session.closed"},"bd":{}}')
    before = await document(exported, sid)
    own_client.flushall()
    await imported(archive, before)
    with pytest.raises(SessionClosed):
        await stream.append(sid, "A", "after")
    assert await document(exported, sid) == before


async def test_what_members_may_do_and_what_is_kept_is_the_same_after_an_import(
    shards: Shards,
    archive: DatabaseArchive,
    stream: SessionStream,
    exported: Exports,
    archiver: Archiver,
    own_client: "redis.Redis",
    sid: str,
) -> None:
    ids = await said(stream, sid)
    await ReadReceipts(shards).mark(sid, "B", ids[-2])
    await Moderation(shards, archive).mute(sid, "A", 0, "llm", '{"hd":{"event":"session.notice"},"bd":{}}')
    await Revocations(shards).revoke(sid, by_subject("pupil:7"))
    await archiver.run_once()
    await ArchivedSession.objects.aupdate(retention_days=30, hold=False)
    assert await archive.run(writing.expire, sid, ids[3], None, 100)
    await ArchivedSession.objects.aupdate(hold=True)
    before = await document(exported, sid)
    own_client.flushall()
    await ArchivedEvent.objects.all().adelete()
    await ArchivedSession.objects.all().adelete()

    await imported(archive, before)
    assert await document(exported, sid) == before
    gap = await stream.gap(sid, ids[1])
    assert gap is not None
    assert (gap.oldest_id, await stream.gap(sid, ids[2])) == (ids[3], None)
    session = await ArchivedSession.objects.aget(sid=sid)
    assert (session.retention_days, session.hold) == (30, True)
    await stream.resume(sid)
    assert list(await Revocations(shards).of(sid)) == ["sub:pupil:7"]
    with pytest.raises(Muted):
        await stream.append(sid, "A", "text")
    assert await document(exported, sid) == before


async def test_members_export_no_revocations_and_no_retention(
    stream: SessionStream, exported: Exports, sid: str
) -> None:
    await said(stream, sid)
    session = (await exported.find(sid)).visible({"read", "send", "configure"})
    assert (session.revoked, session.retained) == (None, None)
    head = json.loads(JSONDocument(session).begin() + "]}")
    assert not head.keys() & {"revoked", "retained"}


async def test_an_export_of_version_1_is_imported(
    archive: DatabaseArchive, stream: SessionStream, exported: Exports, own_client: "redis.Redis", sid: str
) -> None:
    await said(stream, sid)
    content = await document(exported, sid)
    head, rest = content.split(b',"read":', 1)
    own_client.flushall()
    await imported(
        archive, head.replace(b'"version":2', b'"version":1') + b',"events":[' + rest.split(b'"events":[', 1)[1]
    )
    assert await document(exported, sid) == content


async def test_later_events_are_not_part_of_an_export(stream: SessionStream, exported: Exports, sid: str) -> None:
    ids = await said(stream, sid)
    session = await exported.find(sid)
    await stream.append(sid, "A", "later")
    texts = [text async for text in exported.written(session, lambda entry: f"{entry.id} ")]
    assert "".join(texts).split() == ids
    with pytest.raises(NotFound):
        await exported.find(f"{sid}-not")


def replaced(line: int, before: str, after: str) -> Change:
    return lambda lines: [
        each.replace(before.encode(), after.encode(), 1) if number == line else each
        for number, each in enumerate(lines)
    ]


BAD: dict[str, tuple[Change, str]] = {
    "nothing": (lambda lines: [], "cut off in line 1"),
    "another file": (lambda lines: [b'{"sid":"x","messages":[]}\n'], "not an export of doqchat"),
    "another program's": (replaced(0, '"doqchat"', '"irc"'), "not an export of doqchat"),
    "another version": (replaced(0, '"version":2', '"version":3'), "version 3 of the format"),
    "no version": (replaced(0, '"version":2,', ""), "version None"),
    "an invalid sid": (replaced(0, '"sid":"', '"sid":"/'), "sid: "),
    "an unknown setting": (replaced(0, '"settings":{', '"settings":{"x":1'), "settings.x: "),
    "a read receipt of a role that does not read": (replaced(0, '"read":{', '"read":{"llm":"1-0"'), "read.llm.[key]: "),
    "a read receipt after the last event": (
        replaced(0, '"read":{', '"read":{"A":"4000000000000-0"'),
        "A has read more",
    ),
    "a mute that is no time": (replaced(0, '"muted":{', '"muted":{"A":-1'), "muted.A: "),
    "a revocation of something else": (replaced(0, '"revoked":{', '"revoked":{"name:x":1.0'), "revoked.name:x.[key]: "),
    "a retention of no days": (replaced(0, '"days":null', '"days":0'), "retained.days: "),
    "events that retention has removed": (replaced(0, '"after":"0-0"', '"after":"4000000000000-0"'), "Line 2: the id"),
    "cut off in an event": (lambda lines: [*lines[:4], lines[4][:20]], "cut off in line 5"),
    "cut off after an event": (lambda lines: lines[:4], "cut off in line 5"),
    "cut off at the end": (lambda lines: [*lines[:-1], lines[-1][:-2]], "cut off in line"),
    "a doubled event": (lambda lines: [*lines[:3], lines[2], *lines[3:]], "is there twice"),
    "events in another order": (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "the event before it"),
    "a lower id": (lambda lines: [*lines[:4], lines[2], *lines[4:]], "must be higher"),
    "a missing event": (lambda lines: [*lines[:2], *lines[3:]], "the event before it"),
    "a missing last event": (lambda lines: [*lines[:-2], lines[-1]], "an event is missing"),
    "a missing comma": (replaced(2, "},\n", "}\n"), "the comma before it"),
    "another count": (lambda lines: [*lines[:-1], b'],"count":7}\n'], "has 30 events, but states 7"),
    "an id without a position": (replaced(2, '"id":"', '"id":"99'), "not an id that the archive can store"),
    "an id that is none": (replaced(2, '"id":"', '"id":"x'), "not an id"),
    "an unknown field": (replaced(2, '"id":', '"more":1,"id":'), "more: "),
    "a number for a text": (replaced(2, '"participant":"B"', '"participant":1'), "participant: "),
    "no JSON": (replaced(2, '"id"', "id"), "Line 3: it is not valid JSON"),
    "half a surrogate": (replaced(2, '"body":"', '"body":"\\ud800'), "Line 3: it is not valid JSON"),
    "something after the end": (lambda lines: [*lines, b"{}\n"], "follows the end"),
    "no UTF-8": (lambda lines: [*lines[:2], lines[2].replace(b"{", b"{\xff", 1), *lines[3:]], "not UTF-8"),
    "no events": (lambda lines: [lines[0], b'],"count":0}\n'], "no events"),
}


async def test_a_bad_file_is_refused_with_the_reason_and_nothing_of_it_is_stored(
    archive: DatabaseArchive, stream: SessionStream, exported: Exports, own_client: "redis.Redis", sid: str
) -> None:
    await said(stream, sid)
    lines = (await document(exported, sid)).splitlines(keepends=True)
    own_client.flushall()
    for what, (change, reason) in BAD.items():
        content = b"".join(change(lines))
        with pytest.raises(InvalidDocument) as refused:
            await imported(archive, content)
        assert reason in str(refused.value), what
        assert not await ArchivedSession.objects.aexists(), what
    assert await ArchivedEvent.objects.acount() == 0


@pytest.mark.slow
async def test_an_import_that_fails_in_the_middle_stores_nothing(
    archive: DatabaseArchive,
    stream: SessionStream,
    exported: Exports,
    own_client: "redis.Redis",
    sid: str,
) -> None:
    await said(stream, sid, 600)
    content = await document(exported, sid)
    own_client.flushall()
    cut = content[: len(content) * 9 // 10]
    with pytest.raises(InvalidDocument):
        await imported(archive, cut)
    assert not await ArchivedSession.objects.aexists()


async def test_a_session_that_exists_is_not_changed(
    archive: DatabaseArchive, stream: SessionStream, exported: Exports, archiver: Archiver, sid: str
) -> None:
    await said(stream, sid)
    content = await document(exported, sid)
    await archiver.run_once()
    with pytest.raises(SessionExists):
        await imported(archive, content.replace("안녕".encode(), b"hi"))
    assert await document(exported, sid) == content
