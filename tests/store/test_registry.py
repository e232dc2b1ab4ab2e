"""The index of sessions by last activity."""

import time

import pytest

from doqchat.store.registry import Registry
from doqchat.store.shards import Shards


@pytest.fixture
def registry(shards: Shards) -> Registry:
    return Registry(shards)


async def test_a_session_is_known_from_its_first_activity_on(registry: Registry, sid: str) -> None:
    assert await registry.last_activity(sid) is None
    before = time.time()
    await registry.touch([sid, f"{sid}-2"])
    active = await registry.active_since(before)
    assert {sid, f"{sid}-2"} <= set(active)
    assert await registry.last_activity(sid) == active[sid] >= before


async def test_sessions_that_were_active_earlier_are_left_out(registry: Registry, sid: str) -> None:
    await registry.touch([sid])
    assert sid not in await registry.active_since(time.time() + 1)


async def test_touching_no_sessions_has_no_effect(registry: Registry) -> None:
    await registry.touch([])
