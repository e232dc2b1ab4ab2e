"""The command line of those benchmarks that disturb steady traffic on one server, some times over."""

import argparse
import os
from collections.abc import Callable, Coroutine, Iterable

import uvloop

from benchmarks.clients import raise_open_files_limit
from benchmarks.outcome import Outcome
from benchmarks.processes import OTHER_CORES
from benchmarks.targets import DOQCHAT, DOQCHAT_DAPHNE, Site

SERVERS = {"uvicorn": DOQCHAT, "daphne": DOQCHAT_DAPHNE}

Measure = Callable[[Site, int], Coroutine[None, None, Iterable[Outcome]]]
"""Disturbs the traffic on the server for the given number of rounds, and returns the result."""


def step_aside() -> None:
    """Run only when the store and the traffic do not want the core that they share with this process.

    The disturbance represents other machines. The kernel obeys among processes of one session only where it groups
    processes by session, as it does by default.
    """
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def run(program: str, description: str | None, measure: Measure) -> int:
    """Do what the command line says and print the outcomes; the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--rounds", type=int, default=3, help="how many times (3)")
    parser.add_argument("--server", choices=list(SERVERS), default="uvicorn")
    arguments = parser.parse_args()
    raise_open_files_limit()
    os.sched_setaffinity(0, OTHER_CORES)
    print(f"{arguments.server}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    try:
        with SERVERS[arguments.server].running() as site:
            outcomes = list(uvloop.run(measure(site, arguments.rounds)))
    except KeyboardInterrupt:
        print("\nStopped; everything that was started has ended.")
        return 130
    for outcome in outcomes:
        print(outcome.text)
    return 0 if all(outcome.passed for outcome in outcomes) else 1
