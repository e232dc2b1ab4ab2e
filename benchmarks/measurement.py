"""The result of one workload on one server."""

from collections.abc import Iterable
from dataclasses import dataclass


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


def percentile_ms(seconds: Iterable[float], percent: int) -> float:
    """A percentile in milliseconds; 0 if there are no values."""
    ranked = sorted(seconds)
    return ranked[len(ranked) * percent // 100] * 1e3 if ranked else 0.0
