"""Read receipts."""

import pytest

from doqchat.errors import NotFound
from doqchat.store.ephemeral import ReadReceipts
from doqchat.store.shards import Shards
from doqchat.store.snapshot import Snapshots
from doqchat.store.stream import SessionStream


@pytest.fixture
def read_receipts(shards: Shards) -> ReadReceipts:
    return ReadReceipts(shards)


async def marks(shards: Shards, sid: str) -> dict[str, str]:
    """The read receipts of a session."""
    return (await Snapshots(shards).take(sid)).read


async def test_a_mark_is_kept_for_each_role(
    read_receipts: ReadReceipts, shards: Shards, stream: SessionStream, sid: str
) -> None:
    first = (await stream.append(sid, "A", "1")).id
    second = (await stream.append(sid, "A", "2")).id
    assert await read_receipts.mark(sid, "A", second)
    assert await read_receipts.mark(sid, "B", first)
    assert await marks(shards, sid) == {"A": second, "B": first}


async def test_a_mark_never_goes_back(
    read_receipts: ReadReceipts, shards: Shards, stream: SessionStream, sid: str
) -> None:
    first = (await stream.append(sid, "A", "1")).id
    second = (await stream.append(sid, "A", "2")).id
    await read_receipts.mark(sid, "A", second)
    assert not await read_receipts.mark(sid, "A", first)
    assert not await read_receipts.mark(sid, "A", second)
    assert await marks(shards, sid) == {"A": second}


async def test_ids_of_one_millisecond_are_ordered_by_sequence_number(
    read_receipts: ReadReceipts, shards: Shards, sid: str
) -> None:
    for entry_id in ("5-9", "5-10"):
        await shards.of(sid).pipeline.execute("XADD", f"chat:session:{sid}", entry_id, "body", "x")
    assert await read_receipts.mark(sid, "A", "5-9")
    assert await read_receipts.mark(sid, "A", "5-10")
    assert not await read_receipts.mark(sid, "A", "5-9")


async def test_an_event_that_is_not_there_cannot_be_read(
    read_receipts: ReadReceipts, shards: Shards, stream: SessionStream, sid: str
) -> None:
    entry_id = (await stream.append(sid, "A", "1")).id
    for missing in ("0-0", f"{entry_id}1", "99999999999999-0"):
        with pytest.raises(NotFound):
            await read_receipts.mark(sid, "A", missing)
    assert await marks(shards, sid) == {}
