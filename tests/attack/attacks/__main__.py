"""`python -m tests.attack.attacks`: the process of the attackers.

It prints how things stand as a line of JSON each second, and at its end. It plays other machines: it runs only
where the server and the probe leave the processor to it.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import uvloop

from benchmarks.clients import raise_open_files_limit
from tests.attack.attacks.all import ATTACKS
from tests.attack.attacks.attack import Tally, Target, repeat

REPORT_EVERY = 1.0  # seconds
NICE = 15


async def attack(target: Target, names: Sequence[str]) -> NoReturn:
    """Run the attacks until SIGTERM."""
    tallies = {name: Tally() for name in names}

    def stop() -> NoReturn:
        # The kernel closes the connections: on a busy machine this process would need long to close thousands.
        report(tallies)
        os._exit(0)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    report(tallies)  # the attack begins
    async with asyncio.TaskGroup() as group:
        for name, tally in tallies.items():
            for _ in range(ATTACKS[name].at_once):
                group.create_task(repeat(ATTACKS[name], target, tally))
        while True:
            await asyncio.sleep(REPORT_EVERY)
            report(tallies)


def report(tallies: Mapping[str, Tally]) -> None:
    """Print how things stand."""
    sys.stdout.write(json.dumps({name: tally.as_json() for name, tally in tallies.items()}) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.attack.attacks", description=__doc__)
    parser.add_argument("target", type=json.loads, help="a Target, as JSON")
    parser.add_argument("names", nargs="+", choices=list(ATTACKS))
    arguments = parser.parse_args()
    raise_open_files_limit()
    os.nice(NICE)
    uvloop.run(attack(Target(**arguments.target), arguments.names))


if __name__ == "__main__":
    main()
