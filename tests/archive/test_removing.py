"""A removed message is removed in the store and in the archive, whatever the archiver is doing."""

from collections.abc import Sequence
from typing import Any

import pytest

from doqchat.archive import records, writing
from doqchat.archive.archive import DatabaseArchive
from doqchat.archive.archiver import Archiver
from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.errors import NotFound
from doqchat.store.moderation import Moderation
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests.archive.conftest import LIVE

REPORT = '{"hd":{"event":"message.removed","role":"llm"},"bd":{}}'
SECRET, PLACEHOLDER = "a secret", "a placeholder"


@pytest.fixture
def moderation(shards: Shards, archive: DatabaseArchive) -> Moderation:
    return Moderation(shards, archive)


async def bodies() -> list[str]:
    return [body async for body in ArchivedEvent.objects.order_by("position").values_list("body", flat=True)]


async def test_a_message_in_the_archive_is_removed_there(
    moderation: Moderation, stream: SessionStream, archiver: Archiver, sid: str
) -> None:
    said = await stream.append(sid, "A", SECRET)
    for number in range(2 * LIVE):
        await stream.append(sid, "A", str(number))
    await archiver.run_once()
    assert (await stream.tail(sid)) != said.id
    assert await moderation.remove(sid, said.id, PLACEHOLDER, "llm", REPORT)
    assert SECRET not in await bodies()
    assert (await stream.read(sid, count=100))[0].body == PLACEHOLDER
    assert (await stream.read_back(sid, count=1))[0].body == REPORT
    assert not await moderation.remove(sid, said.id, PLACEHOLDER, "llm", REPORT)
    with pytest.raises(NotFound):
        await moderation.remove(sid, "1-1", PLACEHOLDER, "llm", REPORT)


async def test_a_copied_message_that_is_removed_in_the_store_is_removed_in_the_archive(
    moderation: Moderation, stream: SessionStream, archiver: Archiver, sid: str
) -> None:
    said = await stream.append(sid, "A", SECRET)
    await archiver.run_once()
    assert await bodies() == [SECRET]
    await moderation.remove(sid, said.id, PLACEHOLDER, "llm", REPORT)
    assert await bodies() == [PLACEHOLDER]


@pytest.mark.parametrize("length", [1, 1_200])
async def test_a_message_removed_while_it_is_copied_is_copied_again_without_its_text(
    moderation: Moderation,
    stream: SessionStream,
    archiver: Archiver,
    sid: str,
    length: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = [(await stream.append(sid, "A", SECRET)).id for _ in range(length)]
    written: list[int] = []

    def write_late(batches: Sequence[writing.Batch]) -> None:
        """Write batches that were read before a removal which is complete."""
        written.append(len(batches))
        write(batches)

    write = writing.write
    read = archiver.copier._read

    async def read_and_remove(one: str) -> Any:
        batch = await read(one)
        if not written:
            await moderation.remove(sid, said[-1], PLACEHOLDER, "llm", REPORT)
            await moderation.remove(sid, said[0], PLACEHOLDER, "llm", REPORT)
        return batch

    monkeypatch.setattr(writing, "write", write_late)
    monkeypatch.setattr(archiver.copier, "_read", read_and_remove)
    await archiver.run_once()
    await archiver.run_once()
    found = await bodies()
    assert (found[0], found[length - 1]) == (PLACEHOLDER, PLACEHOLDER)
    assert len(found) == length + (1 if length == 1 else 2)
    session = await ArchivedSession.objects.aget(sid=sid)
    assert session.events == len(found)


async def test_nothing_is_trimmed_that_changed_after_it_was_copied(
    moderation: Moderation, stream: SessionStream, archiver: Archiver, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [(await stream.append(sid, "A", SECRET)).id for _ in range(3 * LIVE)]
    cut = records.cut

    def remove_and_cut(*args: Any, **kwargs: Any) -> str | None:
        ArchivedEvent.objects.filter(session__sid=sid).update(body="what a copy would say")
        return cut(*args, **kwargs)

    shrink = archiver._shrink

    async def remove_first(*args: Any, **kwargs: Any) -> None:
        await moderation.remove(sid, said[0], PLACEHOLDER, "llm", REPORT)
        await shrink(*args, **kwargs)

    monkeypatch.setattr(records, "cut", remove_and_cut)
    monkeypatch.setattr(archiver, "_shrink", remove_first)
    await archiver.run_once()
    assert (await stream.read(sid, count=1))[0].body == PLACEHOLDER


@pytest.mark.django_db(transaction=True)
def test_a_copy_that_is_written_after_an_erasure_does_not_bring_the_text_back(sid: str) -> None:
    batch = writing.Batch(sid, [("1700000000000-0", "A", SECRET)], 0)
    writing.write([batch])
    assert writing.erase(sid, 10) == 1
    writing.write([batch])
    (event,) = ArchivedEvent.objects.filter(session__sid=sid)
    assert event.erased
    assert SECRET not in event.body
