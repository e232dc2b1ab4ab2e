"""The site of docs/en/production.md while each of its processes is restarted and people talk."""

import asyncio
import re
import uuid

import pytest

from tests.deployment.conftest import Deployment
from tests.deployment.documented import PAGES, documented
from tests.deployment.talkers import Talker, visit

pytestmark = pytest.mark.slow

SESSIONS = 2
FURTHER = 3
ARCHIVED_WITHIN = 30.0
"""Seconds: a worker takes over after 10 s when the one that archived has ended."""


def test_the_pages_have_the_same_nginx_block_in_each_language() -> None:
    english, korean = (re.sub(" *#.*", "", documented(page)) for page in PAGES)
    assert english == korean


@pytest.mark.timeout(240)  # it starts eleven processes, beside those of other tests
async def test_nothing_is_lost_and_no_request_gets_a_502_during_a_rolling_restart(deployment: Deployment) -> None:
    sids = [f"deployed-{uuid.uuid4().hex}" for _ in range(SESSIONS)]
    pairs = [[Talker(deployment.ws, sid, role) for role in "AB"] for sid in sids]
    talkers = [talker for pair in pairs for talker in pair]
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for pair in pairs:
            for talker in pair:
                group.create_task(talker.talk(enough, pair))
        visiting = group.create_task(visit(f"{deployment.http}s/{sids[0]}/", enough))
        await further(talkers)
        for service in deployment.services:
            await service.restart()
            await further(talkers)
        enough.set()
    for sid, pair in zip(sids, pairs, strict=True):
        everything = sorted({event for talker in pair for event in talker.seen}, key=position)
        for talker in pair:
            assert talker.seen == everything
            assert sorted(talker.answered) == sorted(pair[0].asked)
        async with asyncio.timeout(ARCHIVED_WITHIN):
            while deployment.archived(sid) != everything:  # noqa: ASYNC110 - the archiver does not report this
                await asyncio.sleep(0.1)
    assert set(visiting.result()) == {200}
    assert not {502, 504} & set(deployment.statuses())


async def further(talkers: list[Talker]) -> None:
    """Returns when each has had some more messages acknowledged."""
    goals = [(talker, len(talker.stored) + FURTHER) for talker in talkers]
    for talker, goal in goals:
        await talker.until(lambda talker=talker, goal=goal: len(talker.stored) >= goal)


def position(event: str) -> tuple[int, ...]:
    """Where an event stands in the order of the stream."""
    return tuple(map(int, event.split("-")))
