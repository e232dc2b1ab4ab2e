"""Turns the measurements of a run into one table and says whether the targets are met."""

from collections.abc import Mapping

from benchmarks.measurement import Measurement
from benchmarks.targets import DOQCHAT, STOCK_DAPHNE, Target
from benchmarks.verdict import Verdict
from benchmarks.workloads import PAIRS, ROOM, Idle, Workload

Results = Mapping[tuple[Workload, Target], Measurement]

REFERENCE = STOCK_DAPHNE
TIMES_CHEAPER = {PAIRS.name: 6.0, ROOM.name: 12.0}
"""How much less server CPU doqchat has to use than the reference, in the same run."""

COLUMNS = (
    "server",
    "server CPU",
    "x less",
    "per second",
    "p50 ms",
    "p99 ms",
    "busy",
    "load",
    "store CPU",
    "deliveries",
)
WIDTHS = (26, 18, 7, 11, 8, 8, 6, 6, 10, 18)

CONDITIONS = """\
Server CPU is user and system time of the server process and its children, as the operating system accounts for it,
per message, per delivery, per connect or per socket. "x less" compares with stock Channels on daphne. The server
has one core ({server}); its store and the load generator have the others ({others}). "busy" is the server's share of
its core, "load" the load generator's; a server that is not busy without a rate had to share its core with other
programs, and costs more for it. Latency runs from send to receipt; where no rate is given, messages leave as fast as
the server takes them, and latency is mostly queueing.
Every store is a Valkey with appendonly yes and appendfsync always. doqchat validates, dedupes (each message has a
msg_id) and stores every message there, and serves basic-profile clients; stock Channels only relays, with its pub/sub
layer, and stores nothing."""


def table(results: Results) -> str:
    """The measurements, one block per workload and one row per server."""
    lines = [_row(COLUMNS)]
    for workload in dict.fromkeys(workload for workload, _ in results):
        lines += ["-" * (sum(WIDTHS) + len(WIDTHS) - 1), workload.name]
        lines += [_row(_cells(results, workload, target)) for of, target in results if of == workload]
    return "\n".join(lines)


def verdicts(results: Results) -> list[Verdict]:
    """What the run shows: one verdict per run that does not count, and one per target of TIMES_CHEAPER."""
    found = [
        Verdict(False, f"{workload.name}, {target.name}: does not count, {measurement.problem}")
        for (workload, target), measurement in results.items()
        if measurement.problem
    ]
    for workload in dict.fromkeys(workload for workload, _ in results):
        wanted, ratio = TIMES_CHEAPER.get(workload.name), _ratio(results, workload, DOQCHAT)
        if wanted and ratio:
            text = f"{workload.name}: {ratio:.1f} times less server CPU than {REFERENCE.name}, target {wanted:.0f}"
            found.append(Verdict.on(ratio >= wanted, text))
    return found


def _cost(measurement: Measurement) -> float:
    return measurement.kib_per_socket or measurement.server_us


def _ratio(results: Results, workload: Workload, target: Target) -> float | None:
    own, reference = results.get((workload, target)), results.get((workload, REFERENCE))
    if not own or not reference or own.problem or reference.problem or not _cost(own):
        return None
    return _cost(reference) / _cost(own)


def _cells(results: Results, workload: Workload, target: Target) -> tuple[str, ...]:
    it = results[workload, target]
    deliveries = f"{it.delivered:,}/{it.expected:,}" if it.expected else ""
    if it.problem:
        return (target.name, "does not count", "", "", "", "", "", "", "", deliveries)
    ratio = _ratio(results, workload, target)
    times = f"{ratio:.1f}" if ratio else ""
    if isinstance(workload, Idle):
        return (target.name, f"{it.kib_per_socket:.1f} KiB/{workload.unit}", times, "", "", "", "", "", "", "")
    return (
        target.name,
        f"{it.server_us:,.1f} µs/{workload.unit}",
        times,
        f"{it.rate:,.0f}",
        f"{it.p50_ms:.1f}",
        f"{it.p99_ms:.1f}",
        f"{it.server_busy:.0%}",
        f"{it.load_busy:.0%}",
        f"{it.store_us:.1f} µs",
        deliveries,
    )


def _row(cells: tuple[str, ...]) -> str:
    first, *others = zip(cells, WIDTHS, strict=True)
    return " ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])
