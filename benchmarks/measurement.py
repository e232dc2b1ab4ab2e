"""The result of one workload on one server, and the medians of several."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from statistics import median


@dataclass(frozen=True)
class Measurement:
    """CPU in microseconds per unit of the workload; rate in units per second; latencies in milliseconds.

    `server_busy`, `store_busy` and `load_busy` are shares of one core. `problem` says in words why the run does not
    count: what was lost, delivered twice, delivered to a wrong session, or refused.
    """

    server_us: float = 0.0
    store_us: float = 0.0
    rate: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    server_busy: float = 0.0
    load_busy: float = 0.0
    delivered: int = 0
    expected: int = 0
    kib_per_socket: float = 0.0
    problem: str = ""


def medians(rounds: Sequence[Measurement]) -> Measurement:
    """The median of each figure, the sum of the deliveries, and the first problem, if there is one."""
    figures = {
        field.name: median(getattr(each, field.name) for each in rounds)
        for field in fields(Measurement)
        if field.type is float
    }
    return Measurement(
        **figures,
        delivered=sum(each.delivered for each in rounds),
        expected=sum(each.expected for each in rounds),
        problem=next((each.problem for each in rounds if each.problem), ""),
    )


def percentile_ms(seconds: Iterable[float], percent: int) -> float:
    """A percentile in milliseconds; 0 if there are no values."""
    ranked = sorted(seconds)
    return ranked[len(ranked) * percent // 100] * 1e3 if ranked else 0.0
