"""Full garbage collections wait for a calm moment, but not forever."""

import subprocess
import sys

import pytest

from tests.client import WITHIN

PROGRAM = """
import asyncio, gc, sys, weakref
from doqchat.serving import garbage

class Cycle:
    def __init__(self):
        self.itself = self

async def main(overdue):
    garbage.CHECK_SECONDS, garbage.OVERDUE = 0.02, overdue
    garbage.tune()
    cycle, kept, freed = Cycle(), [], asyncio.Event()
    weakref.finalize(cycle, freed.set)
    while gc.get_count()[2] < garbage.DUE:
        kept.append([])
    del cycle
    maintaining = asyncio.create_task(garbage.maintain())
    while not freed.is_set() and gc.get_count()[2] < 5 * garbage.DUE:
        kept += [[] for _ in range(10_000)]
        await asyncio.sleep(garbage.CHECK_SECONDS)
    print("freed" if freed.is_set() else "kept")
    await freed.wait()
    print("freed")
    maintaining.cancel()

asyncio.run(main(int(sys.argv[1])))
"""
"""Prints what became of a cycle while the number of objects grew, and when it no longer grew."""


@pytest.mark.parametrize(
    ("overdue", "outcomes"),
    [(1_000_000, ["kept", "freed"]), (120, ["freed", "freed"])],
    ids=["when the number of objects no longer grows", "when it is overdue"],
)
def test_a_full_collection_runs(overdue: int, outcomes: list[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, str(overdue)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=True)
    assert done.stdout.split() == outcomes
