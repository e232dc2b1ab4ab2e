"""Moderation in the store: removed events keep their place, closed sessions and muted roles accept nothing."""

import json
from typing import Any

import pytest
import redis

from doqchat.errors import Muted, NotFound, SessionClosed
from doqchat.protocol import server
from doqchat.protocol.ids import BEGINNING
from doqchat.store import keys
from doqchat.store.moderation import Moderation
from doqchat.store.reader import Entry
from doqchat.store.shards import Shards
from doqchat.store.stream import SessionStream
from tests.hints import posted, queued

REPORT = '{"hd":{"event":"message.removed","role":"llm"},"bd":{"id":"1-1"}}'
SECRET = "a secret"


@pytest.fixture
def moderation(shards: Shards) -> Moderation:
    return Moderation(shards)


def body(text: str, **bd: Any) -> str:
    return json.dumps({"hd": {"event": "chat.message", "role": "A", "note": SECRET}, "bd": {"text": text, **bd}})


async def filled(stream: SessionStream, sid: str, count: int) -> list[Entry]:
    for number in range(count):
        await stream.append(sid, "A", body(f"{SECRET} {number}"))
    return await stream.read(sid, count=count)


async def remove(moderation: Moderation, sid: str, entry: Entry) -> bool:
    placeholder = server.placeholder(entry.body)
    assert placeholder is not None
    return await moderation.remove(sid, entry.id, placeholder, "llm", REPORT)


@pytest.mark.parametrize(("count", "place"), [(1, 0), (5, 0), (5, 2), (5, 4), (320, 7), (320, 219)])
async def test_a_removed_event_keeps_its_place_and_every_other_event_is_unchanged(
    stream: SessionStream, moderation: Moderation, sid: str, count: int, place: int
) -> None:
    before = await filled(stream, sid, count)
    assert await remove(moderation, sid, before[place])
    after = await stream.read(sid, count=1_000)
    assert [(entry.id, entry.prev) for entry in after[:count]] == [(entry.id, entry.prev) for entry in before]
    assert [*after[:place], *after[place + 1 : count]] == [*before[:place], *before[place + 1 :]]
    assert json.loads(after[place].body) == {
        "hd": {"event": "chat.message", "role": "A", "removed": True},
        "bd": {"text": ""},
    }
    assert (after[count].prev, after[count].body) == (before[-1].id, REPORT)


@pytest.mark.parametrize("place", [0, 2, 4])
async def test_clients_that_come_back_after_a_removal_get_no_gap(
    stream: SessionStream, moderation: Moderation, sid: str, place: int
) -> None:
    before = await filled(stream, sid, 5)
    await remove(moderation, sid, before[place])
    assert [await stream.gap(sid, entry.id) for entry in before] == [None] * 5
    later = await stream.append(sid, "B", body("later"))
    assert [entry.id for entry in await stream.read(sid, before[-1].id)][-1] == later.id


async def test_a_gap_from_before_a_removal_is_still_reported(
    stream: SessionStream, moderation: Moderation, store: "redis.Redis", sid: str
) -> None:
    before = await filled(stream, sid, 6)
    store.xdel(keys.stream(sid), before[1].id, before[4].id)
    await remove(moderation, sid, before[2])
    assert [await stream.gap(sid, entry.id) is not None for entry in before] == [True, True, True, True, False, False]


async def test_nothing_of_a_removed_text_stays_in_the_store(
    stream: SessionStream, moderation: Moderation, store: "redis.Redis", sid: str
) -> None:
    (entry,) = await filled(stream, sid, 1)
    await remove(moderation, sid, entry)
    left = [key for key in store.scan_iter(f"*{sid}*") if SECRET.encode() in (store.dump(key) or b"")]
    assert (left, store.exists(keys.rewritten(sid))) == ([], 0)


async def test_an_event_is_removed_once(stream: SessionStream, moderation: Moderation, sid: str) -> None:
    before = await filled(stream, sid, 3)
    assert [await remove(moderation, sid, before[1]) for _ in range(2)] == [True, False]
    assert await stream.length(sid) == 4
    with pytest.raises(NotFound):
        await moderation.remove(sid, "1-1", "{}", "llm", REPORT)


async def test_the_reply_to_a_removed_request_is_cancelled(
    stream: SessionStream, moderation: Moderation, shards: Shards, store: "redis.Redis", sid: str
) -> None:
    request = await stream.append(
        sid, "A", '{"hd":{"event":"llm.request","role":"A"},"bd":{"prompt":"?"}}', ask="default"
    )
    await posted(*shards)
    (entry,) = await stream.read(sid)
    assert await remove(moderation, sid, entry)
    await posted(*shards)
    last = (await stream.read(sid))[-1]
    bd = json.loads(last.body)["bd"]
    assert (bd["request_id"], bd["finish_reason"], bd["text"]) == (request.id, "cancelled", "")
    assert (store.exists(keys.replies(sid)), queued(store, sid)) == (0, [])


async def test_a_removed_message_gets_no_automatic_reply(
    stream: SessionStream, moderation: Moderation, store: "redis.Redis", sid: str
) -> None:
    await stream.append(sid, "A", body("@llm?"), manner="mentioned")
    assert store.exists(keys.due(sid))
    await remove(moderation, sid, (await stream.read(sid))[0])
    assert not store.exists(keys.due(sid))


async def test_a_muted_role_is_refused_and_others_are_not(
    stream: SessionStream, moderation: Moderation, sid: str
) -> None:
    await stream.append(sid, "A", body("before"), msg_id="m1", digest="d")
    await moderation.mute(sid, "A", 100, "llm", REPORT)
    with pytest.raises(Muted) as refused:
        await stream.append(sid, "A", body("?"), ask="default")
    assert 99 <= refused.value.details["retry_after"] <= 100
    assert (await stream.append(sid, "A", body("before"), msg_id="m1", digest="d")).duplicate
    await stream.append(sid, "B", body("hi"))
    assert [await moderation.unmute(sid, "A", "llm", REPORT) for _ in range(2)] == [True, False]
    await stream.append(sid, "A", body("hi"))


async def test_a_mute_ends(stream: SessionStream, moderation: Moderation, store: "redis.Redis", sid: str) -> None:
    await moderation.mute(sid, "A", 0, "llm", REPORT)
    with pytest.raises(Muted) as refused:
        await stream.append(sid, "A", body("?"))
    assert "retry_after" not in refused.value.details
    seconds, _ = store.time()
    store.hset(keys.settings(sid), "muted:A", seconds * 1000)
    await stream.append(sid, "A", body("hi"))


async def test_a_closed_session_accepts_nothing_until_it_is_reopened(
    stream: SessionStream, moderation: Moderation, store: "redis.Redis", shards: Shards, sid: str
) -> None:
    for _ in range(2):
        await stream.append(sid, "A", '{"hd":{"event":"llm.request","role":"A"},"bd":{"prompt":"?"}}', ask="default")
    await stream.append(sid, "B", body("@llm?"), manner="mentioned")
    assert [await moderation.close(sid, "llm", REPORT) for _ in range(2)] == [True, False]
    await posted(*shards)
    *_, first, second, last = await stream.read(sid)
    assert [json.loads(each.body)["bd"]["finish_reason"] for each in (first, second)] == ["cancelled", "cancelled"]
    assert (last.body, queued(store, sid)) == (REPORT, [])
    assert not store.exists(keys.replies(sid), keys.due(sid))
    for ask in ("", "default"):
        with pytest.raises(SessionClosed):
            await stream.append(sid, "A", body("?"), ask=ask)
    assert await moderation.is_closed(sid)
    assert [await moderation.reopen(sid, "llm", REPORT) for _ in range(2)] == [True, False]
    await stream.append(sid, "A", body("hi"))
    assert await stream.gap(sid, BEGINNING) is None
