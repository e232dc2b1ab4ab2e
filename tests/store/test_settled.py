"""What a sender is told is what has happened, however the store goes away in the middle of an append."""

import asyncio
import json
import re
import signal
from collections.abc import Iterator

import pytest
import redis

from doqchat.errors import Unavailable
from doqchat.fanout.layer import SessionChannelLayer
from doqchat.replies.budget import TokenBudget
from doqchat.store import keys, link, settled
from doqchat.store.clients import COMMAND_TIMEOUT
from doqchat.store.faults import Uncertain, insist
from doqchat.store.pipeline import BATCH
from doqchat.store.request_limits import RequestLimits
from doqchat.store.settings import Settings
from doqchat.store.shards import Shards
from doqchat.store.stream import Appended, SessionStream
from doqchat.worker.automatic_replies import AutomaticReplies
from tests import processes
from tests.hints import posted, said_long_ago
from tests.ports import free_port
from tests.proxy import Proxy

APPEND = settled._APPEND.digest.encode()
BODY = '{"hd":{"event":"chat.message","role":"A"},"bd":{"text":"hi"}}'
NOWHERE = f"127.0.0.1:{free_port()}"


@pytest.fixture
def frozen(own_store: processes.Store) -> Iterator[processes.Process]:
    """The process of the test's own Valkey, to be frozen and woken."""
    yield own_store.process
    own_store.process.send_signal(signal.SIGCONT)


def lose_answer_and_stay_away(proxy: Proxy) -> None:
    """The next append is carried out, its answer is lost, and then the store cannot be reached."""
    proxy.losing = APPEND
    proxy.lead_to(NOWHERE)


def a_minute_ago(answer: bytes) -> bytes:
    """The answer to TIME that the store would have given a minute before."""
    return re.sub(rb"(?<=\*2\r\n\$10\r\n)\d{10}", lambda seconds: b"%d" % (int(seconds[0]) - 60), answer)


def ids(store: "redis.Redis", sid: str) -> list[str]:
    return [entry_id for entry_id, _ in store.xrange(keys.stream(sid))]


@pytest.mark.parametrize("msg_id", [None, "m1"])
async def test_an_append_whose_answer_is_lost_is_stored_once(
    proxy: Proxy, behind_proxy: SessionStream, store: "redis.Redis", sid: str, msg_id: str | None
) -> None:
    first = await behind_proxy.append(sid, "A", "first")
    proxy.losing = APPEND
    second = await behind_proxy.append(sid, "A", "second", msg_id=msg_id, digest="d1" if msg_id else "")
    assert proxy.cuts == 1
    assert ids(store, sid) == [first.id, second.id]


@pytest.mark.parametrize("msg_id", [None, "m1"])
async def test_what_is_stored_is_not_refused_however_long_the_store_is_away_before_it_says_so(
    store_url: str, proxy: Proxy, behind_proxy: SessionStream, store: "redis.Redis", sid: str, msg_id: str | None
) -> None:
    await behind_proxy.append(sid, "A", "first")
    lose_answer_and_stay_away(proxy)
    sending = asyncio.create_task(behind_proxy.append(sid, "A", "second", msg_id=msg_id, digest="d1"))
    await asyncio.sleep(COMMAND_TIMEOUT + 0.5)  # what was sent by then is too late by the store's clock
    proxy.lead_to(f"127.0.0.1:{processes.port_of(store_url)}")
    assert (await sending).id == ids(store, sid)[1]


async def test_what_is_said_while_the_store_is_frozen_is_refused_within_the_command_timeout_and_never_stored(
    frozen: processes.Process, own_stream: SessionStream, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "AWAKE_SECONDS", 0.0)
    await own_stream.append(sid, "A", "before")
    frozen.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(COMMAND_TIMEOUT + 1):
        refused = await asyncio.gather(
            *(own_stream.append(sid, "A", str(number)) for number in range(2 * BATCH)), return_exceptions=True
        )
    assert {type(one) for one in refused} == {Unavailable}
    frozen.send_signal(signal.SIGCONT)
    await insist(lambda: own_stream.append(sid, "A", "after"))
    assert [entry.body for entry in await own_stream.read(sid)] == ["before", "after"]


async def test_while_a_store_is_frozen_only_what_it_was_sent_waits_and_all_that_is_refused_is_never_stored(
    frozen: processes.Process, own_stream: SessionStream, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "AWAKE_SECONDS", 60.0)
    await own_stream.append(sid, "A", "before")
    frozen.send_signal(signal.SIGSTOP)
    sent = asyncio.create_task(own_stream.append(sid, "A", "sent", msg_id="m1", digest="d1"))
    with pytest.raises(Unavailable):
        await own_stream.tail(sid)
    with pytest.raises(Unavailable):
        await own_stream.append(sid, "A", "not sent", msg_id="m2", digest="d2")
    assert not sent.done()
    frozen.send_signal(signal.SIGCONT)
    with pytest.raises(Unavailable):
        await sent
    await own_stream.append(sid, "A", "after", msg_id="m1", digest="d3")
    assert [entry.body for entry in await own_stream.read(sid)] == ["before", "after"]


async def test_a_sender_is_not_kept_waiting_for_ever_and_may_send_again(
    store_url: str, proxy: Proxy, behind_proxy: SessionStream, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settled, "SETTLED_WITHIN", 0.5)
    await behind_proxy.append(sid, "A", "first")
    lose_answer_and_stay_away(proxy)
    with pytest.raises(Uncertain):
        await behind_proxy.append(sid, "A", "second", msg_id="m1", digest="d1")
    proxy.lead_to(f"127.0.0.1:{processes.port_of(store_url)}")
    assert (await behind_proxy.append(sid, "A", "second", msg_id="m1", digest="d1")).duplicate


async def test_when_the_connection_breaks_everything_is_stored_once_and_acknowledged(
    proxy: Proxy, behind_proxy: SessionStream, store: "redis.Redis", sid: str
) -> None:
    await behind_proxy.append(sid, "A", "first")
    proxy.losing = APPEND
    said = [str(number) for number in range(2 * BATCH)]
    outcomes = await asyncio.gather(*(behind_proxy.append(sid, "A", text) for text in said), return_exceptions=True)
    assert proxy.cuts == 1
    kept = {fields["body"]: entry_id for entry_id, fields in store.xrange(keys.stream(sid))[1:]}
    assert kept == {text: one.id for text, one in zip(said, outcomes, strict=True) if isinstance(one, Appended)}
    assert len(kept) == len(said) == store.xlen(keys.stream(sid)) - 1


async def test_a_store_whose_clock_is_put_forward_takes_messages_as_before(
    proxy: Proxy, behind_proxy: SessionStream, sid: str
) -> None:
    proxy.alter = a_minute_ago
    await behind_proxy.tail(sid)
    proxy.alter = bytes
    for text in ("first", "second"):
        await behind_proxy.append(sid, "A", text)
    assert [entry.body for entry in await behind_proxy.read(sid)] == ["first", "second"]


async def test_an_append_whose_answer_is_lost_supersedes_the_automatic_reply_once(
    proxy: Proxy, proxied_shards: Shards, layer: SessionChannelLayer, store: "redis.Redis", sid: str
) -> None:
    stream = SessionStream(proxied_shards)
    await Settings(proxied_shards).change(sid, {"policy": "always", "on_new_message": "supersede"})
    asked = await stream.append(sid, "A", BODY, manner="said")
    await posted(proxied_shards.of(sid))
    said_long_ago(store, sid)
    await AutomaticReplies(proxied_shards.of(sid), RequestLimits(), TokenBudget(proxied_shards, None)).start(64)
    assert store.smembers(keys.replies(sid)) == {f"r{asked.id}"}
    await posted(proxied_shards.of(sid))
    proxy.losing = APPEND
    said = await stream.append(sid, "B", BODY, manner="said")
    assert proxy.cuts == 1
    assert store.smembers(keys.replies(sid)) == set()
    first, second, end = [json.loads(fields["body"]) | {"id": id_} for id_, fields in store.xrange(keys.stream(sid))]
    assert (first["id"], second["id"]) == (asked.id, said.id)
    assert (end["hd"]["event"], end["hd"]["sid"]) == ("llm.response", sid)
    assert (end["bd"]["finish_reason"], end["bd"]["request_id"]) == ("superseded", asked.id)
    assert store.hget(f"{keys.own(sid)}due", "request") == said.id
