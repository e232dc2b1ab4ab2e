"""A short run of `python -m tests.replies.under_fire`."""

import pytest

from tests.replies.under_fire import Fire, Plan

pytestmark = pytest.mark.slow


@pytest.mark.timeout(150)
async def test_each_request_is_answered_once_however_often_workers_are_killed() -> None:
    fire = Fire(Plan(requests=24, sessions=8, kills=4, seed=1))
    report = await fire.run()
    assert report.passed, report.text
    assert report.counts["requests"] == 24
    assert fire.kills == 4
    assert report.counts["answered after a restart"] > 0
