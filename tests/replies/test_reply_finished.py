"""The signal `reply_finished` is sent once for every reply that ends, in the process that ends it."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from django.dispatch import Signal

from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.moderation import Moderator
from doqchat.protocol.frames import from_data
from doqchat.signals import reply_finished
from doqchat.submission import submit
from doqchat.worker.unserved import Unserved
from tests.hints import posted, said_long_ago
from tests.replies.demo_requests import ask
from tests.replies.due_replies import automatic_replies
from tests.replies.leased_replies import end, speaking

End = Callable[[Engine, "redis.Redis", str], Awaitable[str]]


@pytest.fixture
def finished() -> Iterator[list[dict[str, Any]]]:
    """The arguments of each `reply_finished`."""
    heard: list[dict[str, Any]] = []

    def receive(signal: Signal, sender: None, **arguments: Any) -> None:
        heard.append(arguments)

    reply_finished.connect(receive)
    yield heard
    reply_finished.disconnect(receive)


async def committed(engine: Engine, queue: "redis.Redis", sid: str) -> str:
    leased = await speaking(engine, sid, "worker")
    await leased.commit(end(leased))
    return leased.job.reply


async def cancelled_while_queued(engine: Engine, queue: "redis.Redis", sid: str) -> str:
    reply = await ask(engine, sid)
    await engine.cancellation.cancel(sid, reply)
    await engine.cancellation.cancel(sid, reply)
    return reply


async def cancelled_while_running(engine: Engine, queue: "redis.Redis", sid: str) -> str:
    leased = await speaking(engine, sid, "worker")
    await engine.cancellation.cancel(sid, leased.job.reply)
    return leased.job.reply


async def superseded(engine: Engine, queue: "redis.Redis", sid: str) -> str:
    await engine.settings.change(sid, {"policy": "always", "on_new_message": "supersede"})
    reply = await begun(engine, queue, sid)
    await say(engine, sid)
    return reply


async def withdrawn(engine: Engine, queue: "redis.Redis", sid: str) -> str:
    await engine.settings.change(sid, {"policy": "always"})
    reply = await begun(engine, queue, sid)
    await engine.settings.change(sid, {"policy": "off"})
    return reply


async def removed(engine: Engine, queue: "redis.Redis", sid: str) -> str:
    reply = await ask(engine, sid)
    await moderator(engine, sid).remove(reply.removeprefix("r"))
    return reply


async def closed(engine: Engine, queue: "redis.Redis", sid: str) -> str:
    reply = await ask(engine, sid)
    await moderator(engine, sid).close()
    return reply


async def unserved(engine: Engine, queue: "redis.Redis", sid: str) -> str:
    reply = await ask(engine, sid)
    await posted(engine.shards.of(sid))
    watch = Unserved(engine, engine.shards.of(sid))
    await watch.look()
    return reply


async def automatic_and_unserved(engine: Engine, queue: "redis.Redis", sid: str) -> str:
    reply = f"r{await say(engine, sid, '@llm hello')}"
    await automatic_replies(engine, sid).fail(sid, 1.0, "no_worker", "No worker is running.")
    return reply


WAYS: list[tuple[End, str, str, str]] = [
    (committed, "llm.response", "stop", "안녕"),
    (cancelled_while_queued, "llm.response", "cancelled", ""),
    (cancelled_while_running, "llm.response", "cancelled", "안녕"),
    (superseded, "llm.response", "superseded", ""),
    (withdrawn, "llm.response", "superseded", ""),
    (removed, "llm.response", "cancelled", ""),
    (closed, "llm.response", "cancelled", ""),
    (unserved, "llm.error", "no_worker", ""),
    (automatic_and_unserved, "llm.error", "no_worker", ""),
]


@pytest.mark.parametrize(("way", "event", "reason", "text"), WAYS, ids=[way.__name__ for way, *_ in WAYS])
async def test_every_end_of_a_reply_is_signalled_once(
    own_engine: Engine,
    queue: "redis.Redis",
    sid: str,
    finished: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    way: End,
    event: str,
    reason: str,
    text: str,
) -> None:
    monkeypatch.setattr("doqchat.worker.unserved.WAITED_SECONDS", 0)
    monkeypatch.setattr("doqchat.worker.unserved.CONFIRM_SECONDS", 0)
    reply = await way(own_engine, queue, sid)
    await own_engine.signals.close()
    ids = {"sid": sid, "reply_id": reply, "request_id": reply.removeprefix("r")}
    assert finished == [ids | {"event": event, "reason": reason, "text": text}]


async def say(engine: Engine, sid: str, text: str = "hello") -> str:
    """Send a message and return its id."""
    frame = from_data({"hd": {"event": "chat.message", "role": "A"}, "bd": {"text": text}})
    appended = await submit(engine, open_access(sid), frame)
    assert appended is not None
    return appended.id


async def begun(engine: Engine, queue: "redis.Redis", sid: str) -> str:
    """Have a message said and its automatic reply started; the reply."""
    said = await say(engine, sid)
    await posted(engine.shards.of(sid))
    said_long_ago(queue, sid)
    await automatic_replies(engine, sid).start(1)
    return f"r{said}"


def moderator(engine: Engine, sid: str) -> Moderator:
    return Moderator(engine, replace(open_access(sid), can=frozenset({"moderate"})))
