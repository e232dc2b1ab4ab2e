"""Compares servers within the rounds of one run, and says whether the targets are met."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from benchmarks.measurement import Measurement, medians
from benchmarks.outcome import Outcome
from benchmarks.targets import DOQCHAT, SOCKET_IO, STOCK_DAPHNE, Target
from benchmarks.workloads import CONNECTS, PAIRS, ROOM, Idle, Workload

Results = Mapping[tuple[Workload, Target], Sequence[Measurement]]
"""The measurements of each workload on each server, one per round."""

TIMES_CHEAPER = {PAIRS.name: 6.0, ROOM.name: 12.0}
"""How much less server CPU doqchat has to use than stock Channels on daphne."""

TIMES_SOCKET_IO = {PAIRS.name: 1.1, ROOM.name: 1.0, CONNECTS.name: 1.2}
"""How much server CPU doqchat may use, as a multiple of Socket.IO's."""

CONNECTS_PER_SECOND = 1_500


def cost(measurement: Measurement) -> float:
    """What a unit of the workload costs the server: KiB of an idle socket, otherwise µs of CPU."""
    return measurement.kib_per_socket or measurement.server_us


def p99(measurement: Measurement) -> float:
    """The p99 in milliseconds."""
    return measurement.p99_ms


def ratios(
    results: Results, workload: Workload, one: Target, other: Target, figure: Callable[[Measurement], float] = cost
) -> list[float]:
    """The figure of `one` divided by that of `other`, in each round in which both count and have it."""
    pairs = zip(results.get((workload, one), ()), results.get((workload, other), ()), strict=False)
    return [
        figure(own) / figure(its)
        for own, its in pairs
        if not own.problem and not its.problem and figure(own) and figure(its)
    ]


def outcomes(results: Results) -> Iterator[Outcome]:
    """What the run shows: what does not count, and how doqchat compares with each of the other servers."""
    for (workload, target), rounds in results.items():
        if problem := medians(rounds).problem:
            yield Outcome(False, f"{workload.name}, {target.name}: does not count, {problem}")
    for workload in dict.fromkeys(workload for workload, _ in results):
        yield from _beside_channels(results, workload)
        yield from _beside_socket_io(results, workload)
    yield from _connects(results)


def _beside_channels(results: Results, workload: Workload) -> Iterator[Outcome]:
    target, found = TIMES_CHEAPER.get(workload.name), ratios(results, workload, STOCK_DAPHNE, DOQCHAT)
    if target and found:
        text = f"{workload.name}: {median(found):.1f} times less server CPU than {STOCK_DAPHNE.name}"
        yield Outcome.on(median(found) >= target, f"{text}, target {target:.0f}")


def _beside_socket_io(results: Results, workload: Workload) -> Iterator[Outcome]:
    what = "memory" if isinstance(workload, Idle) else "server CPU"
    for name, figure in ((f"{what} per {workload.unit}", cost), ("p99", p99)):
        found = ratios(results, workload, DOQCHAT, SOCKET_IO, figure)
        if not found:
            continue
        text = f"doqchat : Socket.IO, {workload.name}, {name}: {median(found):.2f}"
        text += f" ({min(found):.2f} to {max(found):.2f})"
        target = TIMES_SOCKET_IO.get(workload.name) if figure is cost else None
        if target is None:
            yield Outcome(True, text)
        else:
            yield Outcome.on(median(found) <= target, f"{text}, target at most {target}")


def _connects(results: Results) -> Iterator[Outcome]:
    for (workload, target), rounds in results.items():
        found = medians(rounds)
        if workload.name == CONNECTS.name and target is DOQCHAT and not found.problem:
            text = f"{target.name} accepts {found.rate:,.0f} sequential connects a second"
            yield Outcome.on(found.rate >= CONNECTS_PER_SECOND, f"{text}, target {CONNECTS_PER_SECOND:,}")
