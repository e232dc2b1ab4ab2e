"""The index of sessions by last activity."""

import time

import pytest

from doqchat.store.session_index import SessionIndex
from doqchat.store.shards import Shards


@pytest.fixture
def session_index(shards: Shards) -> SessionIndex:
    return SessionIndex(shards)


async def test_a_session_is_known_from_its_first_activity_on(session_index: SessionIndex, sid: str) -> None:
    assert sid not in await session_index.active_since(0)
    before = time.time()
    await session_index.touch([sid, f"{sid}-2"])
    active = await session_index.active_since(before)
    assert {sid, f"{sid}-2"} <= set(active)
    assert active[sid] >= before


async def test_sessions_that_were_active_earlier_are_left_out(session_index: SessionIndex, sid: str) -> None:
    await session_index.touch([sid])
    assert sid not in await session_index.active_since(time.time() + 1)


async def test_touching_no_sessions_has_no_effect(session_index: SessionIndex) -> None:
    await session_index.touch([])
