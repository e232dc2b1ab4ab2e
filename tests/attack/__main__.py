"""`python -m tests.attack`: all attacks at once for a minute on each server, and what others noticed of them.

`--only memory` is another run: the memory of a small store is filled until it takes no more.

Exit status 0 when every target is met, 1 when one is missed, 130 after Ctrl-C.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks.clients import raise_open_files_limit
from tests.attack import tables
from tests.attack.attacks.all import ATTACKS
from tests.attack.findings import Findings, caution, missed
from tests.attack.full_store import fill
from tests.attack.run import Plan, Run
from tests.attack.site import site

SERVERS = ("uvicorn", "daphne")
MEMORY = "memory"


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def attack(server: str, plan: Plan) -> Findings:
    """Start a site on the server, attack it, end it."""
    found = None
    try:
        with tempfile.TemporaryDirectory(prefix="doqchat-attack-") as folder, site(server, Path(folder)) as running:
            found = uvloop.run(_until_stopped(Run(server, running, plan, say)))
    except RuntimeError as error:  # a process does not end: that is a finding, where there are others
        if found is None:
            raise
        found.failures = [*found.failures, str(error).partition(" It printed")[0]]
    return found


async def _until_stopped(run: Run) -> Findings:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await run.findings()


def concluded(findings: Sequence[Findings]) -> bool:
    """Print the tables and what was missed; whether every target is met."""
    say(f"\n{tables.servers(findings)}\n\n{tables.attacks(findings)}\n")
    cautions = [f"{found.server}: {sentence}" for found in findings for sentence in caution(found)]
    sentences = [f"{found.server}: {sentence}" for found in findings for sentence in missed(found)]
    say("\n".join([*cautions, *sentences, "FAILED" if sentences else "pass"]))
    return not sentences


def fill_stores(servers: Sequence[str]) -> bool:
    """Fill the store of each server; prints what was missed. Whether every target is met."""
    sentences = [f"{server}: {sentence}" for server in servers for sentence in fill(server, say).missed()]
    say("\n".join([*sentences, "FAILED" if sentences else "pass"]))
    return not sentences


def names(value: str) -> list[str]:
    """The names of attacks in a list with commas."""
    chosen = value.split(",")
    if chosen != [MEMORY] and (unknown := [name for name in chosen if name not in ATTACKS]):
        raise argparse.ArgumentTypeError(f"there is no attack {', '.join(unknown)}; there are {', '.join(ATTACKS)}")
    return chosen


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--only", type=names, default=list(ATTACKS), help=f"NAME[,NAME] of {', '.join(ATTACKS)}")
    parser.add_argument("--server", choices=SERVERS, help="only this one")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each server is attacked (60)")
    parser.add_argument("--calm", type=float, default=10.0, help="how long it is measured before that (10)")
    arguments = parser.parse_args()
    raise_open_files_limit()
    say(f"{', '.join(arguments.only)}; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    servers = [server for server in SERVERS if arguments.server in (None, server)]
    try:
        if arguments.only == [MEMORY]:
            return 0 if fill_stores(servers) else 1
        plan = Plan(arguments.only, arguments.seconds, arguments.calm)
        return 0 if concluded([attack(server, plan) for server in servers]) else 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("\nStopped; everything that was started has ended.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
