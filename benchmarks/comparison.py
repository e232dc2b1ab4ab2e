"""Compares servers within the rounds of one run, and says whether the targets are met."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from benchmarks.measurement import Measurement, medians
from benchmarks.targets import DOQCHAT, STOCK_DAPHNE, Target
from benchmarks.verdict import Verdict
from benchmarks.workloads import CONNECTS, PAIRS, ROOM, Workload

Results = Mapping[tuple[Workload, Target], Sequence[Measurement]]
"""The measurements of each workload on each server, one per round."""

TIMES_CHEAPER = {PAIRS.name: 6.0, ROOM.name: 12.0}
"""How much less server CPU doqchat has to use than stock Channels on daphne."""

CONNECTS_PER_SECOND = 1_500


def cost(measurement: Measurement) -> float:
    """What a unit of the workload costs the server: KiB of an idle socket, otherwise µs of CPU."""
    return measurement.kib_per_socket or measurement.server_us


def ratios(results: Results, workload: Workload, one: Target, other: Target) -> list[float]:
    """The cost on `one` divided by that on `other`, in each round in which both count."""
    pairs = zip(results.get((workload, one), ()), results.get((workload, other), ()), strict=False)
    return [
        cost(own) / cost(its) for own, its in pairs if not own.problem and not its.problem and cost(own) and cost(its)
    ]


def verdicts(results: Results) -> Iterator[Verdict]:
    """What the run shows: what does not count, and how doqchat compares with stock Channels."""
    for (workload, target), rounds in results.items():
        if problem := medians(rounds).problem:
            yield Verdict(False, f"{workload.name}, {target.name}: does not count, {problem}")
    for workload in dict.fromkeys(workload for workload, _ in results):
        yield from _beside_channels(results, workload)
    yield from _connects(results)


def _beside_channels(results: Results, workload: Workload) -> Iterator[Verdict]:
    target, found = TIMES_CHEAPER.get(workload.name), ratios(results, workload, STOCK_DAPHNE, DOQCHAT)
    if target and found:
        text = f"{workload.name}: {median(found):.1f} times less server CPU than {STOCK_DAPHNE.name}"
        yield Verdict.on(median(found) >= target, f"{text}, target {target:.0f}")


def _connects(results: Results) -> Iterator[Verdict]:
    for (workload, target), rounds in results.items():
        found = medians(rounds)
        if workload.name == CONNECTS.name and target is DOQCHAT and not found.problem:
            text = f"{target.name} accepts {found.rate:,.0f} sequential connects a second"
            yield Verdict.on(found.rate >= CONNECTS_PER_SECOND, f"{text}, target {CONNECTS_PER_SECOND:,}")
