"""Turns the measurements of a run into one table."""

from statistics import median

from benchmarks.comparison import Results, ratios
from benchmarks.measurement import medians
from benchmarks.targets import STOCK_DAPHNE, Target
from benchmarks.workloads import Idle, Workload

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
WIDTHS = (26, 18, 7, 11, 8, 8, 6, 6, 10, 20)

CONDITIONS = """\
Every figure is the median of its rounds ({rounds}), and so is every ratio, of the ratios in each round; the lowest and
the highest are in brackets. In a round, each workload runs on one server after the other, each with an empty store.
Server CPU is user and system time of the server process and its children, as the operating system accounts for it,
per message sent, per delivery, per connect or per socket. "x less" compares with stock Channels on daphne. The server
has one core ({server}); its store and the load generator have the others ({others}). "busy" is the server's share of
its core, "load" the load generator's; a server that is not busy without a rate had to share its core with other
programs, and costs more for it. Latency runs from send to receipt; where no rate is given, messages leave as fast as
the server takes them, and latency is mostly queueing. A connect takes until the client is in its session; the next
begins then.
Every store is a Valkey with appendonly yes and appendfsync always. doqchat validates, dedupes (each message has a
msg_id) and stores every message there, and serves basic-profile clients. Socket.IO adds every message to one stream of
about 10,000 entries, and neither validates nor dedupes. Stock Channels only relays, with its pub/sub layer, and stores
nothing."""


def table(results: Results) -> str:
    """The measurements, one block per workload and one row per server."""
    lines = [_row(COLUMNS)]
    for workload in dict.fromkeys(workload for workload, _ in results):
        lines += ["-" * (sum(WIDTHS) + len(WIDTHS) - 1), workload.name]
        lines += [_row(_cells(results, workload, target)) for of, target in results if of == workload]
    return "\n".join(lines)


def _cells(results: Results, workload: Workload, target: Target) -> tuple[str, ...]:
    it = medians(results[workload, target])
    deliveries = f"{it.delivered:,}/{it.expected:,}" if it.expected else ""
    if it.problem:
        return (target.name, "does not count", "", "", "", "", "", "", "", deliveries)
    found = ratios(results, workload, STOCK_DAPHNE, target)
    times = f"{median(found):.1f}" if found else ""
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
