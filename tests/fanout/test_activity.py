"""Activity is recorded when a session is joined, within a second of an event, and when a member leaves after one."""

import asyncio
import operator

import pytest
import redis

from doqchat.access.principal import Principal, open_access
from doqchat.engine import Engine
from doqchat.fanout import hub
from doqchat.moderation import Moderator
from doqchat.protocol.frames import from_data
from doqchat.store import keys
from doqchat.submission import submit
from tests.client import WITHIN
from tests.fanout.conftest import Join, joined

HELLO = {"hd": {"event": "chat.message", "role": "A", "msg_id": "m1"}, "bd": {"text": "hello"}}

pytestmark = pytest.mark.usefixtures("no_beat")


async def test_activity_is_recorded_before_the_first_member_joins(
    engine: Engine, store: "redis.Redis", sid: str
) -> None:
    async with joined(engine, sid):
        noted = store.zscore(keys.SESSIONS, sid)
    assert noted is not None
    assert store.zscore(keys.SESSIONS, sid) == noted, "nothing was said"


async def test_activity_since_the_last_time_is_recorded_when_a_member_leaves(
    engine: Engine, store: "redis.Redis", sid: str
) -> None:
    async with joined(engine, sid):
        noted = store.zscore(keys.SESSIONS, sid)
        await submit(engine, open_access(sid), from_data(HELLO))
        assert store.zscore(keys.SESSIONS, sid) == noted, "an ordinary message writes nothing else"
    assert store.zscore(keys.SESSIONS, sid) > noted


async def test_events_are_recorded_while_their_sessions_have_members(
    engine: Engine, store: "redis.Redis", join: Join, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "ACTIVITY_SECONDS", 0.02)
    monkeypatch.setattr(hub, "RECORDED_SECONDS", 0.02)
    monkeypatch.setattr(hub, "_TOUCHED", 2)
    sids = [f"{sid}-{number}" for number in range(5)]
    for each in sids:
        await join(each)
    noted = store.zmscore(keys.SESSIONS, sids)
    for each in sids:
        await submit(engine, open_access(each), from_data(HELLO))
    async with asyncio.timeout(WITHIN):
        while not all(map(operator.gt, store.zmscore(keys.SESSIONS, sids), noted)):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("action", ["close", "mute", "remove"])
async def test_moderation_of_a_session_without_members_records_activity(
    engine: Engine, store: "redis.Redis", sid: str, action: str
) -> None:
    appended = await submit(engine, open_access(sid), from_data(HELLO))
    noted = store.zscore(keys.SESSIONS, sid)
    moderator = Moderator(engine, Principal(sid, "observer", frozenset({"moderate"})))
    await getattr(moderator, action)(*{"close": (), "mute": ("A",), "remove": (appended.id,)}[action])
    await engine.shards.of(sid).pipeline.execute("PING")
    assert store.zscore(keys.SESSIONS, sid) > noted


async def test_the_end_of_a_reply_records_activity(engine: Engine, store: "redis.Redis", sid: str) -> None:
    asked = await submit(engine, open_access(sid), from_data({"hd": {"event": "llm.request"}, "bd": {"prompt": "hi"}}))
    noted = store.zscore(keys.SESSIONS, sid)
    await engine.cancellation.cancel(sid, f"r{asked.id}")
    await engine.shards.of(sid).pipeline.execute("PING")
    assert store.zscore(keys.SESSIONS, sid) > noted


async def test_each_message_to_a_session_without_members_records_activity(
    engine: Engine, store: "redis.Redis", sid: str
) -> None:
    moments = []
    for number in range(2):
        await submit(engine, open_access(sid), from_data({**HELLO, "hd": {**HELLO["hd"], "msg_id": f"m{number}"}}))
        moments.append(store.zscore(keys.SESSIONS, sid))
    assert moments[0] < moments[1]


async def test_an_append_does_not_fail_if_its_activity_cannot_be_recorded(
    engine: Engine, store: "redis.Redis", sid: str
) -> None:
    index = store.dump(keys.SESSIONS)
    store.set(keys.SESSIONS, "not a sorted set")
    try:
        appended = await submit(engine, open_access(sid), from_data(HELLO))
    finally:
        store.delete(keys.SESSIONS)
        if index:
            store.restore(keys.SESSIONS, 0, index)
    assert store.xrange(keys.stream(sid))[0][0] == appended.id
