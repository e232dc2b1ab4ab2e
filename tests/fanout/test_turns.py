"""Those who catch up take turns."""

import asyncio

import pytest

from doqchat.fanout import turns
from doqchat.fanout.turns import CROWD, Turns


async def test_everybody_gets_a_turn_in_the_order_they_came() -> None:
    queue = Turns()
    served: list[int] = []

    async def come(number: int) -> None:
        await queue.next()
        served.append(number)

    await asyncio.wait_for(asyncio.gather(*map(come, range(50))), 5)
    assert served == list(range(50))


async def test_others_run_while_many_wait() -> None:
    queue = Turns()
    waiting = [asyncio.create_task(queue.next()) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert 0 < sum(task.done() for task in waiting) < len(waiting)
    await asyncio.wait_for(asyncio.gather(*waiting), 5)


@pytest.mark.parametrize(("waiting", "go_on"), [(20, 1), (3 * CROWD, 4)])
async def test_the_more_there_are_the_more_go_on_between_two_pauses(
    waiting: int, go_on: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PAUSE_SECONDS", 3600.0)
    queue = Turns()
    tasks = [asyncio.create_task(queue.next()) for _ in range(waiting)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert sum(task.done() for task in tasks) == go_on
    for task in tasks:
        task.cancel()


async def test_one_who_gives_up_takes_nobodys_turn() -> None:
    queue = Turns()
    waiting = [asyncio.create_task(queue.next()) for _ in range(10)]
    await asyncio.sleep(0)
    for task in waiting[:9]:
        task.cancel()
    await asyncio.wait_for(waiting[9], 5)
    await asyncio.wait_for(queue.next(), 5)
