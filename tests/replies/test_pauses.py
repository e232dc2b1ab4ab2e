"""An automatic reply waits for a pause in the conversation, and while a person types."""

import asyncio
import json
from typing import Any

import pytest
import redis

from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.protocol.frames import from_data
from doqchat.store import keys
from doqchat.store.stream import DEBOUNCE_MS, LONGEST_WAIT_CALLED_MS, LONGEST_WAIT_MS
from doqchat.submission import submit
from tests import processes
from tests.chat.fetch import fetch
from tests.conftest import Connect
from tests.hints import posted, said_long_ago
from tests.replies.conversation import change
from tests.replies.due_replies import automatic_replies, moment


async def say(engine: Engine, sid: str, text: str = "hello") -> None:
    await submit(
        engine, open_access(sid), from_data({"hd": {"event": "chat.message", "role": "A"}, "bd": {"text": text}})
    )


async def wait_of(engine: Engine, queue: "redis.Redis", sid: str, said_ms_ago: int = 0) -> float:
    """Milliseconds that the reply waits after a message, if the first message came `said_ms_ago` before."""
    if said_ms_ago:
        queue.hset(f"{keys.own(sid)}due", "since", moment(queue) - said_ms_ago)
    await say(engine, sid)
    await posted(engine.shards.of(sid))
    return float(queue.zscore(keys.DUE, sid)) - moment(queue)


async def types(engine: Engine, queue: "redis.Redis", sid: str, *, active: bool = True) -> None:
    before = queue.hget(keys.typing(sid), "B")
    engine.typing.note(sid, "B", active=active)
    async with asyncio.timeout(5):
        while queue.hget(keys.typing(sid), "B") == before:  # noqa: ASYNC110 - there is no event to await
            await asyncio.sleep(0.01)


async def started(engine: Engine, queue: "redis.Redis", sid: str, said_ms_ago: int = 10_000) -> bool:
    """Whether the session's reply starts when its pause is over."""
    await posted(engine.shards.of(sid))
    said_long_ago(queue, sid, moment(queue) - said_ms_ago)
    await automatic_replies(engine, sid).start(1)
    return bool((await engine.snapshots.take(sid)).replies)


@pytest.mark.parametrize(("stored", "expected"), [(None, DEBOUNCE_MS), ("30.0", 30_000), ("nan", DEBOUNCE_MS)])
async def test_the_session_sets_the_pause_before_an_automatic_reply(
    own_engine: Engine, queue: "redis.Redis", sid: str, stored: str | None, expected: int
) -> None:
    queue.hset(keys.settings(sid), mapping={"policy": "always"} | ({"wait_seconds": stored} if stored else {}))

    assert expected - 5_000 < await wait_of(own_engine, queue, sid) <= expected


async def test_the_maximum_wait_is_shorter_after_a_mention(own_engine: Engine, queue: "redis.Redis", sid: str) -> None:
    await own_engine.settings.change(sid, {"policy": "always"})
    assert await wait_of(own_engine, queue, sid, LONGEST_WAIT_CALLED_MS + 1_000) > 0
    assert await wait_of(own_engine, queue, sid, LONGEST_WAIT_MS + 1_000) < 0
    await say(own_engine, sid, "@llm well?")
    assert await wait_of(own_engine, queue, sid, LONGEST_WAIT_CALLED_MS + 1_000) < 0


async def test_a_reply_that_the_next_message_would_supersede_waits_until_people_pause(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    await own_engine.settings.change(sid, {"policy": "always", "on_new_message": "supersede"})

    assert await wait_of(own_engine, queue, sid, LONGEST_WAIT_MS + 1_000) > 0


async def test_a_reply_waits_while_a_person_types_and_starts_when_they_stop(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    await own_engine.settings.change(sid, {"policy": "always", "wait_seconds": "0.3"})
    await say(own_engine, sid)
    await types(own_engine, queue, sid)
    assert not await started(own_engine, queue, sid)
    await types(own_engine, queue, sid, active=False)
    async with asyncio.timeout(5):
        while not await started(own_engine, queue, sid):  # noqa: ASYNC110 - there is no event to await
            await asyncio.sleep(0.05)


async def test_typing_delays_a_reply_up_to_the_maximum_wait_and_not_after_a_mention(
    own_engine: Engine, queue: "redis.Redis", sid: str
) -> None:
    for each, text, ago in ((sid, "hello", LONGEST_WAIT_MS), (f"{sid}-called", "@llm hello", 10_000)):
        await own_engine.settings.change(each, {"policy": "always"})
        await say(own_engine, each, text)
        await types(own_engine, queue, each)
        assert await started(own_engine, queue, each, ago)


async def test_typing_is_recorded_only_with_policy_always(
    store: "redis.Redis", server: processes.Web, connect: Connect, sid: str
) -> None:
    marks = []
    for policy in ("mention", "always"):
        change(server, sid, policy=policy)
        client = await connect(server, sid, v1=True, role="A")
        await client.send("chat.typing", {"active": True})
        await client.send("chat.read", {"id": "0-0"})  # uses the same connection, and gets a response
        await client.send("ping")
        await client.recv_event("pong")
        marks.append(store.hkeys(keys.typing(sid)))

    assert marks == [[], ["A"]]
    assert 0 < store.pttl(keys.typing(sid)) <= 30_000


@pytest.mark.parametrize("wait", [0.2, 31, "2", True, [1]])
def test_an_invalid_pause_is_refused(server: processes.Web, sid: str, wait: Any) -> None:
    path, body = f"/api/chat/sessions/{sid}", json.dumps({"wait_seconds": wait}).encode()
    answer = fetch(server, path, "PATCH", {"Content-Type": "application/json"}, body)
    assert (answer.status, answer.json["error"]["field"]) == (400, "wait_seconds")


def test_a_pause_is_set_and_reset_to_its_default(server: processes.Web, sid: str) -> None:
    assert change(server, sid, wait_seconds=2)["settings"]["wait_seconds"] == 2
    assert change(server, sid, wait_seconds=None)["settings"]["wait_seconds"] == 0.8
