"""An append reports its true outcome, even if the store becomes unreachable during it."""

import asyncio
import json
import re
import signal
from collections.abc import Iterator

import pytest
import redis

from doqchat.conf import LimitSettings
from doqchat.errors import Unavailable
from doqchat.fanout.layer import SessionChannelLayer
from doqchat.limits.clients import ClientLimits
from doqchat.limits.requests import RequestLimits
from doqchat.replies.budget import TokenBudget
from doqchat.store import append, connection, keys
from doqchat.store.clients import COMMAND_TIMEOUT
from doqchat.store.faults import Uncertain, retry_until_available
from doqchat.store.pipeline import BATCH
from doqchat.store.settings import Settings
from doqchat.store.shards import Shards
from doqchat.store.stream import Appended, SessionStream
from doqchat.worker.automatic_replies import AutomaticReplies
from tests import processes
from tests.hints import posted, said_long_ago
from tests.ports import free_port
from tests.proxy import Proxy

APPEND = SessionStream(Shards(["redis://127.0.0.1"]))._append.digest.encode()
BODY = '{"hd":{"event":"chat.message","role":"A"},"bd":{"text":"hi"}}'
NOWHERE = f"127.0.0.1:{free_port()}"


@pytest.fixture
def frozen(own_store: processes.Store) -> Iterator[processes.Process]:
    """The process of the test's own Valkey, which is resumed at the end."""
    yield own_store.process
    own_store.process.send_signal(signal.SIGCONT)


def lose_response_and_disconnect(proxy: Proxy) -> None:
    """Run the next append, lose its response, and make the store unreachable."""
    proxy.losing = APPEND
    proxy.lead_to(NOWHERE)


def a_minute_ago(answer: bytes) -> bytes:
    """The response to TIME of one minute earlier."""
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
async def test_a_stored_append_is_acknowledged_even_after_a_long_outage(
    store_url: str, proxy: Proxy, behind_proxy: SessionStream, store: "redis.Redis", sid: str, msg_id: str | None
) -> None:
    await behind_proxy.append(sid, "A", "first")
    lose_response_and_disconnect(proxy)
    sending = asyncio.create_task(behind_proxy.append(sid, "A", "second", msg_id=msg_id, digest="d1"))
    await asyncio.sleep(COMMAND_TIMEOUT + 0.5)  # by the store's clock, retries are now after the deadline
    proxy.lead_to(f"127.0.0.1:{processes.port_of(store_url)}")
    assert (await sending).id == ids(store, sid)[1]


async def test_appends_to_a_frozen_store_are_refused_within_the_timeout_and_never_stored(
    frozen: processes.Process, own_stream: SessionStream, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "AWAKE_SECONDS", 0.0)
    await own_stream.append(sid, "A", "before")
    frozen.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(COMMAND_TIMEOUT + 1):
        refused = await asyncio.gather(
            *(own_stream.append(sid, "A", str(number)) for number in range(2 * BATCH)), return_exceptions=True
        )
    assert {type(one) for one in refused} == {Unavailable}
    frozen.send_signal(signal.SIGCONT)
    await retry_until_available(lambda: own_stream.append(sid, "A", "after"))
    assert [entry.body for entry in await own_stream.read(sid)] == ["before", "after"]


async def test_with_a_frozen_store_only_sent_appends_wait_and_refused_ones_are_never_stored(
    frozen: processes.Process, own_stream: SessionStream, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "AWAKE_SECONDS", 60.0)
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


async def test_an_append_with_an_unknown_outcome_times_out_and_can_be_resent(
    store_url: str, proxy: Proxy, behind_proxy: SessionStream, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append, "GIVE_UP_SECONDS", 0.5)
    await behind_proxy.append(sid, "A", "first")
    lose_response_and_disconnect(proxy)
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


async def test_messages_are_accepted_after_the_clock_of_the_store_was_set_forward(
    proxy: Proxy, behind_proxy: SessionStream, sid: str
) -> None:
    await behind_proxy.tail(sid)

    def wrong_once(answer: bytes) -> bytes:
        altered = a_minute_ago(answer)
        if altered != answer:
            proxy.alter = bytes
        return altered

    proxy.alter = wrong_once
    for text in ("first", "second"):
        await behind_proxy.append(sid, "A", text)
    assert proxy.alter is bytes, "the clock was read"
    assert [entry.body for entry in await behind_proxy.read(sid)] == ["first", "second"]


async def test_an_append_whose_answer_is_lost_supersedes_the_automatic_reply_once(
    proxy: Proxy,
    proxied_shards: Shards,
    layer: SessionChannelLayer,
    own_store: processes.Store,
    own_client: "redis.Redis",
    sid: str,
) -> None:
    proxy.lead_to(f"127.0.0.1:{processes.port_of(own_store.url)}")  # a store without workers of other tests
    store = own_client
    stream = SessionStream(proxied_shards)
    await Settings(proxied_shards).change(sid, {"policy": "always", "on_new_message": "supersede"})
    asked = await stream.append(sid, "A", BODY, manner="said")
    await posted(proxied_shards.of(sid))
    said_long_ago(store, sid)
    budget, clients = TokenBudget(proxied_shards, None), ClientLimits(LimitSettings())
    await AutomaticReplies(proxied_shards.of(sid), RequestLimits(), budget, clients).start(64)
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
