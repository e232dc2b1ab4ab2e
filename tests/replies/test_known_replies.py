"""Cancelling a reply that has ended does nothing; cancelling an unknown reply is an error."""

import json

import pytest
import redis

from doqchat.engine import Engine
from doqchat.errors import NotFound
from doqchat.replies.dead_letters import DeadLetters
from doqchat.store import cancellation as replies
from doqchat.store import keys
from doqchat.worker.automatic_replies import AutomaticReplies
from doqchat.worker.leased_reply import LeasedReply
from tests import processes
from tests.client import Client
from tests.conftest import Connect
from tests.hints import posted, said_long_ago
from tests.replies.conftest import Site
from tests.replies.conversation import ENDS, settled
from tests.replies.demo_requests import DEMO, ask
from tests.replies.leased_replies import end, next_in_queue, taken


async def say(engine: Engine, sid: str, **bd: object) -> str:
    """Append a message and return its id."""
    body = json.dumps(
        {"hd": {"event": "chat.message", "role": "A"}, "bd": {"text": "안녕", **bd}}, separators=(",", ":")
    )
    return (await engine.stream.append(sid, "A", body, manner="said")).id


async def begun(engine: Engine, sid: str) -> LeasedReply:
    """Take the queued job and begin it."""
    leased = await next_in_queue(engine, sid, "worker")
    await leased.begin()
    return leased


async def automatic(engine: Engine, queue: "redis.Redis", sid: str) -> LeasedReply:
    """An automatic reply to a new message."""
    await engine.settings.change(sid, {"policy": "always", "llm": DEMO})
    await say(engine, sid)
    await posted(engine.shards.of(sid))
    said_long_ago(queue, sid)
    await AutomaticReplies(engine.shards.of(sid), engine.limits, engine.budget, engine.clients).start(1)
    return await begun(engine, sid)


async def cancel(engine: Engine, sid: str, reply_id: str) -> None:
    """Cancel a reply and check that nothing is stored."""
    before = await engine.stream.read(sid, count=10_000)
    try:
        await engine.cancellation.cancel(sid, reply_id)
    finally:
        assert await engine.stream.read(sid, count=10_000) == before


async def refused(client: Client, reply_id: str) -> bool:
    """Whether a cancel gets only the error `not_found`."""
    await client.send("llm.cancel", {"reply_id": reply_id})
    await client.send("ping", {})
    frames = await client.recv_until("pong")
    return [frame["bd"].get("code") for frame in frames[:-1]] == ["not_found"]


async def test_a_message_without_a_reply_has_none_to_cancel(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    await client.say("안녕")
    message = await client.recv_event("chat.message")
    assert await refused(client, f"r{message['hd']['id']}")
    assert site.store.xlen(keys.stream(sid)) == 1


async def test_an_automatic_reply_that_has_ended_is_cancelled_without_effect(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    await client.say("@llm 안녕")
    reply_id = (await client.recv_event(*ENDS))["bd"]["reply_id"]
    await client.send("llm.cancel", {"reply_id": reply_id})
    assert await settled(client) == []
    assert await refused(client, f"{reply_id}-2")
    assert len(site.stored(sid, *ENDS)) == 1


async def test_the_terminal_event_is_found_within_a_distance_of_the_request(
    monkeypatch: pytest.MonkeyPatch, own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    monkeypatch.setattr(replies, "PAGE", 2)
    monkeypatch.setattr(replies, "LOOKED_AT", 6)
    near = await automatic(own_engine, queue, f"{sid}-near")
    far = await automatic(own_engine, queue, f"{sid}-far")
    for leased, messages in ((near, 4), (far, 5)):
        for _ in range(messages):
            await say(own_engine, leased.job.sid)
        await leased.commit(end(leased))
    await cancel(own_engine, near.job.sid, near.job.reply)
    with pytest.raises(NotFound):
        await cancel(own_engine, far.job.sid, far.job.reply)


async def test_a_retried_reply_has_its_own_id(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    first = await taken(own_engine, sid, "worker")
    await first.begin()
    await first.commit(first.error("failed", "It failed."), given_up=True)
    dead = DeadLetters(own_engine.shards, own_engine.stream)
    (job,) = await dead.list()
    again = await dead.retry(job)
    assert again == f"{first.job.reply}-2"
    second = await begun(own_engine, sid)
    await second.commit(end(second))
    for reply_id in (first.job.reply, again):
        await cancel(own_engine, sid, reply_id)
    with pytest.raises(NotFound):
        await cancel(own_engine, sid, f"{first.job.reply}-3")


async def test_a_reply_of_another_session_is_unknown_here(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    leased = await automatic(own_engine, queue, sid)
    await leased.commit(end(leased))
    await ask(own_engine, f"{sid}-2")
    with pytest.raises(NotFound):
        await cancel(own_engine, f"{sid}-2", leased.job.reply)


async def test_a_message_that_resembles_a_request_or_terminal_event_is_no_reply(own_engine: Engine, sid: str) -> None:
    message = await say(own_engine, sid, hd={"event": "llm.request"}, event="llm.request")
    await say(own_engine, sid, reply_id=f"r{message}")
    with pytest.raises(NotFound):
        await cancel(own_engine, sid, f"r{message}")


async def test_malformed_entries_are_no_reply(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    for body in ("no JSON", "[]", '"text"', '{"hd":1}', "{}"):
        entry = queue.xadd(keys.stream(sid), {"participant": "A", "body": body})
        with pytest.raises(NotFound):
            await cancel(own_engine, sid, f"r{entry}")
    entry = queue.xadd(keys.stream(sid), {"something": "else"})
    with pytest.raises(NotFound):
        await cancel(own_engine, sid, f"r{entry}")


async def test_a_reply_is_known_while_the_session_has_its_request_or_terminal_event(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    leased = await taken(own_engine, sid, "worker")
    await leased.begin()
    await leased.commit(end(leased))
    await say(own_engine, sid)
    queue.xtrim(keys.stream(sid), maxlen=2, approximate=False)
    await cancel(own_engine, sid, leased.job.reply)
    queue.xtrim(keys.stream(sid), maxlen=1, approximate=False)
    with pytest.raises(NotFound):
        await cancel(own_engine, sid, leased.job.reply)
