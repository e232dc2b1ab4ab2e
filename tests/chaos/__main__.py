"""`python -m tests.chaos`: 20,000 messages through 42 faults of all kinds, and a table of what went wrong: nothing.

Exit status 0 when nothing is lost, doubled or out of order, 1 when something is or when less than half of the messages
were acknowledged in time, 130 after Ctrl-C.
"""

import argparse
import asyncio
import signal
import sys

import uvloop

from tests.chaos.faults import FAULTS
from tests.chaos.report import MEANINGS
from tests.chaos.storm import SERVERS, Plan, Storm

DETAILS = 20
ENOUGH = 0.5
"""The share of the messages without which a run shows nothing: faults that refuse messages take some of the time."""


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def weather(plan: Plan) -> bool:
    """Run the plan and print what came of it; whether all is well."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    storm = Storm(plan, say)
    say(f"{', '.join(SERVERS)} and one store; {plan.sessions} sessions of 3; seed {plan.seed}.")
    report = await storm.run()
    say(f"\n{report.tables()}\n\n{MEANINGS}\n")
    for detail in report.details[:DETAILS]:
        say(detail)
    if len(report.details) > DETAILS:
        say(f"… and {len(report.details) - DETAILS:,} more.")
    acknowledged = report.total("acknowledged")
    if acknowledged < plan.messages:
        say(f"{acknowledged:,} of {plan.messages:,} messages were acknowledged in time.")
    enough = acknowledged >= plan.messages * ENOUGH
    say("pass" if report.passed and enough else "FAILED")
    return report.passed and enough


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000, help="acknowledged ones, if the time suffices (20,000)")
    parser.add_argument("--faults", type=int, default=3 * len(FAULTS), help="at least so many (three of each kind)")
    parser.add_argument("--seconds", type=float, default=900.0, help="no fault begins after so long (900)")
    parser.add_argument("--sessions", type=int, default=40, help="each with two who talk and one who reads (40)")
    parser.add_argument(
        "--kinds", nargs="+", choices=FAULTS, default=tuple(FAULTS), metavar="KIND", help="only these kinds of faults"
    )
    parser.add_argument("--seed", type=int, default=1, help="decides which faults come, when, and what is said (1)")
    arguments = parser.parse_args()
    try:
        return 0 if uvloop.run(weather(Plan(**vars(arguments)))) else 1
    except asyncio.CancelledError:
        say("\nStopped; everything that was started has ended.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
