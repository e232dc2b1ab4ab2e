"""The append script stores an event, publishes it and records the requested reply."""

import json

import pytest
import redis

from doqchat.errors import Conflict
from doqchat.fanout.layer import SessionChannelLayer
from doqchat.store import keys
from doqchat.store.shards import Shards
from doqchat.store.stream import Appended, SessionStream
from tests.hints import posted, queued
from tests.store.conftest import Published

BODY = '{"hd":{"event":"chat.message","role":"A"},"bd":{"text":"안녕 😊"}}'


async def test_an_entry_has_the_two_fields_of_the_contract(
    stream: SessionStream, store: "redis.Redis", sid: str
) -> None:
    appended = await stream.append(sid, "A", BODY)
    assert store.xrange(f"chat:session:{sid}") == [(appended.id, {"participant": "A", "body": BODY})]


async def test_each_entry_follows_the_one_before_it(stream: SessionStream, sid: str) -> None:
    ids = [(await stream.append(sid, "A", BODY)).id for _ in range(5)]
    entries = await stream.read(sid)
    assert [(entry.prev, entry.id) for entry in entries] == list(zip(["0-0", *ids], ids, strict=False))


async def test_an_entry_is_published_as_the_layer_itself_publishes(
    stream: SessionStream, layer: SessionChannelLayer, published: Published, sid: str
) -> None:
    first = await stream.append(sid, "A", BODY)
    second = await stream.append(sid, "B", BODY)
    expected = {"type": "session.entry", "id": first.id, "prev": "0-0", "body": BODY}
    assert layer.deserialize(published()) == expected
    assert layer.deserialize(published()) == {**expected, "id": second.id, "prev": first.id}


@pytest.mark.parametrize("size", [0, 1, 31, 32, 255, 256, 65_535, 65_536, 200_000])
async def test_bodies_of_every_size_are_published_whole(
    stream: SessionStream, layer: SessionChannelLayer, published: Published, sid: str, size: int
) -> None:
    body = "x" * (size % 2) + "é" * (size // 2)
    await stream.append(sid, "A", body)
    assert layer.deserialize(published())["body"] == body


async def test_the_same_message_sent_twice_is_stored_once(
    stream: SessionStream, store: "redis.Redis", sid: str
) -> None:
    first = await stream.append(sid, "A", BODY, msg_id="m1", digest="d1")
    again = await stream.append(sid, "A", BODY, msg_id="m1", digest="d1")
    assert (first.duplicate, again) == (False, Appended(first.id, duplicate=True))
    assert store.xlen(keys.stream(sid)) == 1


async def test_a_msg_id_without_a_digest_is_an_idempotency_key_too(stream: SessionStream, sid: str) -> None:
    first = await stream.append(sid, "A", BODY, msg_id="m1")
    assert await stream.append(sid, "A", BODY, msg_id="m1") == Appended(first.id, duplicate=True)


async def test_a_duplicate_is_not_published_again(
    stream: SessionStream, layer: SessionChannelLayer, published: Published, sid: str
) -> None:
    await stream.append(sid, "A", BODY, msg_id="m1", digest="d1")
    await stream.append(sid, "A", BODY, msg_id="m1", digest="d1")
    last = await stream.append(sid, "A", BODY)
    published()
    assert layer.deserialize(published())["id"] == last.id


async def test_a_msg_id_used_for_other_content_is_a_conflict(
    stream: SessionStream, store: "redis.Redis", sid: str
) -> None:
    await stream.append(sid, "A", BODY, msg_id="m1", digest="d1")
    with pytest.raises(Conflict) as caught:
        await stream.append(sid, "A", BODY, msg_id="m1", digest="d2")
    assert caught.value.msg_id == "m1"
    assert store.xlen(keys.stream(sid)) == 1


async def test_a_msg_id_belongs_to_one_session(stream: SessionStream, sid: str) -> None:
    await stream.append(sid, "A", BODY, msg_id="m1", digest="d1")
    assert not (await stream.append(sid + "-2", "A", BODY, msg_id="m1", digest="d2")).duplicate


async def test_a_msg_id_belongs_to_the_role_that_uses_it(stream: SessionStream, store: "redis.Redis", sid: str) -> None:
    theirs = await stream.append(sid, "A", BODY, msg_id="m1", digest="d1")
    ours = await stream.append(sid, "B", BODY, msg_id="m1", digest="d2")
    assert (theirs.duplicate, ours.duplicate) == (False, False)
    assert [await stream.knows(sid, role, "m1") for role in ("A", "B", "user")] == [True, True, False]
    assert (await stream.append(sid, "A", BODY, msg_id="m1", digest="d1")).id == theirs.id
    assert store.xlen(keys.stream(sid)) == 2


async def test_a_msg_id_is_remembered_for_a_day(stream: SessionStream, store: "redis.Redis", sid: str) -> None:
    await stream.append(sid, "A", BODY, msg_id="m1", digest="d1")
    assert 24 * 3600 - 60 < store.ttl(keys.claim(sid, "A", "m1")) <= 24 * 3600


async def test_messages_without_a_msg_id_are_never_duplicates(
    stream: SessionStream, store: "redis.Redis", sid: str
) -> None:
    for _ in range(3):
        assert not (await stream.append(sid, "A", BODY)).duplicate
    assert store.xlen(keys.stream(sid)) == 3


async def test_all_keys_of_an_append_but_the_stream_expire(
    stream: SessionStream, store: "redis.Redis", sid: str
) -> None:
    await stream.append(sid, "A", BODY)
    lasting = [key for key in store.scan_iter(f"*{sid}*") if store.ttl(key) == -1]
    assert lasting == [keys.stream(sid)]


async def test_a_request_records_its_reply_and_is_queued(
    own_shards: Shards, own_stream: SessionStream, own_client: "redis.Redis", sid: str
) -> None:
    asked = await own_stream.append(sid, "A", BODY, ask="default")
    assert own_client.smembers(keys.replies(sid)) == {f"r{asked.id}"}
    await posted(*own_shards)
    assert queued(own_client) == [(sid, f"r{asked.id}")]
    assert own_client.zrange(keys.OWING, 0, -1) == [sid]


async def test_a_request_sent_twice_is_queued_once(
    own_shards: Shards, own_stream: SessionStream, own_client: "redis.Redis", sid: str
) -> None:
    for _ in range(2):
        await own_stream.append(sid, "A", BODY, msg_id="m1", digest="d1", ask="default")
    await posted(*own_shards)
    assert len(queued(own_client)) == 1


async def test_a_message_that_is_no_request_records_no_reply(
    own_shards: Shards, own_stream: SessionStream, own_client: "redis.Redis", sid: str
) -> None:
    await own_stream.append(sid, "A", BODY)
    await posted(*own_shards)
    assert own_client.exists(keys.MODELS) + own_client.exists(keys.OWING) + own_client.exists(keys.replies(sid)) == 0


async def test_the_scripts_are_loaded_again_when_the_store_has_forgotten_them(
    stream: SessionStream, store: "redis.Redis", sid: str
) -> None:
    await stream.append(sid, "A", BODY)
    store.script_flush()
    await stream.append(sid, "A", BODY)
    assert store.xlen(keys.stream(sid)) == 2


async def test_clients_receive_the_stored_envelope(stream: SessionStream, sid: str) -> None:
    appended = await stream.append(sid, "A", BODY)
    (entry,) = await stream.read(sid)
    assert json.loads(entry.wire()) == {
        "hd": {"id": appended.id, "prev": "0-0", "event": "chat.message", "role": "A"},
        "bd": {"text": "안녕 😊"},
    }
