"""A short run of `python -m tests.replies.under_fire`."""

import pytest

from tests.replies.under_fire import Fire, Plan


@pytest.mark.timeout(150)
async def test_each_request_is_answered_once_however_often_workers_are_killed() -> None:
    fire = Fire(Plan(requests=24, sessions=8, kills=4, seed=1))
    verdict = await fire.run()
    assert verdict.passed, verdict.text
    assert verdict.counts["requests"] == 24
    assert fire.kills == 4
    assert verdict.counts["answered after a restart"] > 0
