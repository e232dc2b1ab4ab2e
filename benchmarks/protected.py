"""`python -m benchmarks.protected`: what access, limits and a filter cost, beside the same server without them.

One server requires tokens, counts all limits and has a filter that limits the length of messages; the other has open
access, no limits and no filter. They are measured in turn. Exit status 0 if the first uses at most a tenth more CPU,
1 otherwise, 130 after Ctrl-C.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks import comparison
from benchmarks.__main__ import measure
from benchmarks.outcome import Outcome
from benchmarks.targets import DOQCHAT, HIGH_LIMITS, Target
from benchmarks.tokens import KEY
from benchmarks.workloads import PAIRS, ROOM, Workload

MOST = 1.1
"""How much CPU the protected server may use, as a multiple of the other's."""

UNLIMITED = HIGH_LIMITS.replace("1000000000", "none")
OPEN = Target(
    "open, no limits, no filter",
    DOQCHAT.command,
    environment={"DOQCHAT_ACCESS": "open", "DOQCHAT_LIMITS": UNLIMITED, "DOQCHAT_FILTERS": ""},
)
PROTECTED = Target(
    "tokens, limits, a filter",
    DOQCHAT.command,
    framing="tokens",
    environment={
        "DJANGO_SETTINGS_MODULE": "benchmarks.protected_settings",
        "DOQCHAT_ACCESS": "token",
        "DOQCHAT_TOKEN_KEY": KEY,
    },
)


def outcomes(results: comparison.Results, workloads: Sequence[Workload]) -> Iterator[Outcome]:
    """Whether each workload counts and meets the target."""
    for (workload, target), rounds in results.items():
        if problems := [each.problem for each in rounds if each.problem]:
            yield Outcome(False, f"{workload.name}, {target.name}: does not count, {problems[0]}")
    for workload in workloads:
        if found := comparison.ratios(results, workload, PROTECTED, OPEN):
            costs = (median(map(comparison.cost, results[workload, target])) for target in (PROTECTED, OPEN))
            text = f"{workload.name}: {' and '.join(f'{cost:.1f}' for cost in costs)} µs of CPU per {workload.unit}"
            text += f", {median(found):.2f} times ({min(found):.2f} to {max(found):.2f}), target {MOST}"
            yield Outcome.on(median(found) <= MOST, text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.protected", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how many times both are measured in turn (5)")
    parser.add_argument("--quick", action="store_true", help="a fifth of the messages")
    arguments = parser.parse_args()
    workloads = [workload.smaller() if arguments.quick else workload for workload in (PAIRS, ROOM)]
    try:
        found = list(outcomes(measure(workloads, [OPEN, PROTECTED], arguments.rounds), workloads))
    except KeyboardInterrupt:
        print("\nStopped; everything that was started has ended.")
        return 130
    for outcome in found:
        print(outcome.text)
    return 0 if all(outcome.passed for outcome in found) else 1


if __name__ == "__main__":
    sys.exit(main())
