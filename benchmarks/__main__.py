"""`python -m benchmarks`: measure doqchat beside Socket.IO and stock Channels and print one table.

Exit status 0 when every target is met, 1 when one is not or a delivery is missing, 130 after Ctrl-C.
"""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType

from benchmarks import comparison, processes, report
from benchmarks.measurement import Measurement
from benchmarks.peers.socketio.installation import UnavailableError
from benchmarks.targets import TARGETS, Target
from benchmarks.workloads import WORKLOADS, Workload


def measure(workloads: Sequence[Workload], targets: Sequence[Target], rounds: int) -> comparison.Results:
    """Run every workload on every target in each round, one after the other, with a line for each."""
    results: dict[tuple[Workload, Target], list[Measurement]] = {
        (workload, target): [] for workload in workloads for target in targets
    }
    for number in range(rounds):
        for place, ((workload, target), found) in enumerate(results.items(), number * len(results) + 1):
            print(f"[{place}/{rounds * len(results)}] {workload.name}: {target.name} ...", end=" ", flush=True)
            found.append(target.measure(workload))
            print(found[-1].problem or "done", flush=True)
    return results


def available(targets: Sequence[Target]) -> Iterator[Target]:
    """Those that can run on this machine, installed if necessary; prints why another cannot."""
    for target in targets:
        try:
            target.install()
        except UnavailableError as reason:
            print(f"{target.name} is not measured: {reason}.", flush=True)
        else:
            yield target


def run(workloads: Sequence[Workload], chosen: Sequence[Target], rounds: int) -> int:
    """Measure, print the report; the exit status."""
    targets = list(available(chosen))
    if not targets:
        return 1
    results = measure(workloads, targets, rounds)
    print(f"\n{report.table(results)}\n")
    others = ", ".join(map(str, processes.OTHER_CORES))
    print(report.CONDITIONS.format(rounds=rounds, server=processes.SERVER_CORE, others=others))
    print()
    outcomes = list(comparison.outcomes(results))
    for outcome in outcomes:
        print(outcome.text)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the messages and sockets")
    parser.add_argument("--rounds", type=int, default=3, help="how many times all servers are measured in turn (3)")
    parser.add_argument(
        "--only",
        metavar="WORDS",
        action="append",
        help="only servers with these words in their name, such as doqchat; may be given several times",
    )
    arguments = parser.parse_args()
    only = arguments.only or [""]
    chosen = [target for target in TARGETS if any(words in target.name for words in only)]
    if not chosen:
        parser.error("no server has these words in its name: " + ", ".join(target.name for target in TARGETS))
    if arguments.rounds < 1:
        parser.error("at least one round is needed")
    workloads = [workload.smaller() if arguments.quick else workload for workload in WORKLOADS]
    signal.signal(signal.SIGTERM, _stop)
    try:
        return run(workloads, chosen, arguments.rounds)
    except KeyboardInterrupt:
        print("\nStopped; everything that was started has ended.")
        return 130


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
