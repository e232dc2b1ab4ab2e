"""Several rounds become one figure and one ratio, and only what counts is compared."""

import pytest

from benchmarks import report
from benchmarks.comparison import Results, outcomes, ratios
from benchmarks.measurement import Measurement, medians
from benchmarks.targets import DOQCHAT, SOCKET_IO
from benchmarks.workloads import CONNECTS, PAIRS, ROOM, Workload


def results(workload: Workload, own: list[float], its: list[float], rate: float = 0.0) -> Results:
    """What a unit cost on doqchat and on Socket.IO in each round, in µs."""
    return {
        (workload, DOQCHAT): [Measurement(server_us=us, rate=rate) for us in own],
        (workload, SOCKET_IO): [Measurement(server_us=us) for us in its],
    }


def test_the_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    slow_second_half = results(PAIRS, [10, 10, 40, 40], [10, 20, 20, 80])
    assert sorted(ratios(slow_second_half, PAIRS, DOQCHAT, SOCKET_IO)) == [0.5, 0.5, 1.0, 2.0]
    assert any("server CPU per message: 0.75 (0.50 to 2.00)" in each.text for each in outcomes(slow_second_half))


@pytest.mark.parametrize(
    ("workload", "most"), [(PAIRS, 1.1), (ROOM, 1.0), (CONNECTS, 1.2)], ids=lambda value: getattr(value, "name", value)
)
def test_a_higher_ratio_than_its_target_fails_the_run(workload: Workload, most: float) -> None:
    met, missed = results(workload, [most], [1.0], 2_000.0), results(workload, [most + 0.01], [1.0], 2_000.0)
    assert all(outcome.passed for outcome in outcomes(met))
    assert [outcome.passed for outcome in outcomes(missed)].count(False) == 1


@pytest.mark.parametrize(("rate", "passed"), [(1_500.0, True), (1_499.0, False)])
def test_fewer_connects_a_second_than_the_target_fail_the_run(rate: float, passed: bool) -> None:
    assert all(outcome.passed for outcome in outcomes(results(CONNECTS, [1.0], [1.0], rate))) is passed


def test_a_round_with_a_problem_is_excluded_from_ratios_and_fails_the_run() -> None:
    found = {key: list(rounds) for key, rounds in results(ROOM, [1.0, 100.0], [1.0, 1.0]).items()}
    found[ROOM, DOQCHAT][1] = Measurement(server_us=100.0, problem="3 deliveries lost")
    assert ratios(found, ROOM, DOQCHAT, SOCKET_IO) == [1.0]
    assert [each.text for each in outcomes(found) if not each.passed] == [
        "one session of 200, doqchat on uvicorn: does not count, 3 deliveries lost"
    ]
    assert "does not count" in report.table(found)


def test_the_median_is_taken_of_each_figure_and_deliveries_are_added_up() -> None:
    rounds = [Measurement(server_us=us, p99_ms=10 - us, delivered=5, expected=6) for us in (1.0, 2.0, 9.0)]
    assert medians(rounds) == Measurement(server_us=2.0, p99_ms=8.0, delivered=15, expected=18)
