"""Those who catch up take turns."""

import asyncio

from doqchat.fanout.turns import Turns


async def test_everybody_gets_a_turn_in_the_order_they_came() -> None:
    turns = Turns()
    served: list[int] = []

    async def come(number: int) -> None:
        await turns.next()
        served.append(number)

    await asyncio.wait_for(asyncio.gather(*map(come, range(50))), 5)
    assert served == list(range(50))


async def test_others_run_while_many_wait() -> None:
    turns = Turns()
    waiting = [asyncio.create_task(turns.next()) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert 0 < sum(task.done() for task in waiting) < len(waiting)
    await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_one_who_gives_up_takes_nobodys_turn() -> None:
    turns = Turns()
    waiting = [asyncio.create_task(turns.next()) for _ in range(10)]
    await asyncio.sleep(0)
    for task in waiting[:9]:
        task.cancel()
    await asyncio.wait_for(waiting[9], 5)
    await asyncio.wait_for(turns.next(), 5)
