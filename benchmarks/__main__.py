"""`python -m benchmarks`: measure doqchat beside stock Channels and print one table.

Exit status 0 when every target is met, 1 when one is not or a delivery is missing, 130 after Ctrl-C.
"""

import argparse
import signal
import sys
from types import FrameType

from benchmarks import processes, report
from benchmarks.measurement import Measurement
from benchmarks.targets import TARGETS, Target
from benchmarks.workloads import WORKLOADS, Workload


def measure(workloads: list[Workload], targets: list[Target]) -> report.Results:
    """Run every workload on every target, one after the other, with a line for each."""
    results: dict[tuple[Workload, Target], Measurement] = {}
    for workload in workloads:
        for target in targets:
            step = f"[{len(results) + 1}/{len(workloads) * len(targets)}] {workload.name}: {target.name}"
            print(f"{step} ...", end=" ", flush=True)
            result = results[workload, target] = target.measure(workload)
            print(result.problem or "done", flush=True)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the messages and sockets")
    parser.add_argument(
        "--only", metavar="WORD", default="", help="only the servers with this word in their name, such as doqchat"
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    workloads = [workload.smaller() if arguments.quick else workload for workload in WORKLOADS]
    try:
        results = measure(workloads, [target for target in TARGETS if arguments.only in target.name])
    except KeyboardInterrupt:
        print("\nStopped; everything that was started has ended.")
        return 130
    print(f"\n{report.table(results)}\n")
    print(report.CONDITIONS.format(server=processes.SERVER_CORE, others=", ".join(map(str, processes.OTHER_CORES))))
    print()
    verdicts = report.verdicts(results)
    for verdict in verdicts:
        print(verdict.text)
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
