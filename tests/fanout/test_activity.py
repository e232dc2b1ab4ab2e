"""Activity is recorded when a session is joined, when a member leaves after an event, and by the beat."""

import pytest
import redis

from doqchat.access.principal import open_access
from doqchat.engine import Engine
from doqchat.protocol.frames import from_data
from doqchat.store import keys
from doqchat.submission import submit
from tests.fanout.conftest import joined

HELLO = {"hd": {"event": "chat.message", "role": "A", "msg_id": "m1"}, "bd": {"text": "hello"}}

pytestmark = pytest.mark.usefixtures("no_beat")


async def test_activity_is_recorded_before_the_first_member_joins(
    engine: Engine, store: "redis.Redis", sid: str
) -> None:
    async with joined(engine, sid):
        noted = store.zscore(keys.SESSIONS, sid)
    assert noted is not None
    assert store.zscore(keys.SESSIONS, sid) == noted, "nothing was said"


async def test_activity_since_the_last_beat_is_recorded_when_a_member_leaves(
    engine: Engine, store: "redis.Redis", sid: str
) -> None:
    async with joined(engine, sid):
        noted = store.zscore(keys.SESSIONS, sid)
        await submit(engine, open_access(sid), from_data(HELLO))
        assert store.zscore(keys.SESSIONS, sid) == noted, "an ordinary message writes nothing else"
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
