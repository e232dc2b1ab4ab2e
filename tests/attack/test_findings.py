"""The findings: each target that was missed, where it was missed and only there."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.attack import tables
from tests.attack.findings import GROWTH_MIB, P99_MS, Findings, caution, missed, p99
from tests.attack.full_store import Full
from tests.attack.watch import Logged
from tests.chaos.report import PROBLEMS

GOOD = Findings(
    server="uvicorn",
    calm_ms=[5.0] * 100,
    attack_ms=[10.0] * 1000,
    due=1000,
    joined=20,
    asked=3,
    answered=3,
    web_mib=(100.0, 120.0, 110.0),
    store_mib=(20.0, 40.0, 40.0),
    web_busy=0.5,
    web_log=Logged(30, 3000, 0),
    worker_log=Logged(1, 100, 0),
    attempts={"churn": 3, "pages": 1},
    answers={"churn": Counter({"open": 2}), "pages": Counter({"200": 1})},
)
FULL = Full(stored=400, refused="unavailable", others_refused="unavailable", ready=503, history=200, joined=None)


def test_a_run_that_others_did_not_notice_misses_no_target() -> None:
    assert missed(GOOD) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"attack_ms": [10.0] * 980 + [P99_MS + 1] * 20}, "took 61 ms (p99)"),
        ({"attack_ms": [10.0] * 400}, "Only 400 of 1,000"),
        ({"unanswered": 2}, "2 messages of others got no answer"),
        ({"refused": Counter(conflict=3)}, "3 messages of others were refused: conflict"),
        ({"joins_wrong": Counter({"a gap in the welcome": 1})}, "1 joins of others went wrong: a gap"),
        ({"joined": 0}, "No join succeeded"),
        ({"answered": 2}, "2 of 3 requests to the model"),
        ({"asked": 0, "answered": 0}, "0 of 0 requests to the model"),
        ({"web_mib": (100.0, 101.0 + GROWTH_MIB, 100.0)}, "grew by 31 MiB"),
        ({"web_log": Logged(10, 100, 1)}, "1 tracebacks"),
        ({"worker_log": Logged(10, 100, 2)}, "2 tracebacks"),
        ({"failures": ["valkey has ended."]}, "valkey has ended"),
        ({"attempts": {"churn": 3, "pages": 0}}, "The attack pages was not tried"),
    ],
)
def test_each_target_that_is_missed_gets_one_sentence(change: dict[str, Any], sentence: str) -> None:
    (found,) = missed(replace(GOOD, **change))
    assert sentence in found


@pytest.mark.parametrize("problem", PROBLEMS)
def test_one_message_of_others_that_went_wrong_is_enough(problem: str) -> None:
    assert missed(replace(GOOD, problems=Counter({problem: 1}))) == [f"1 messages of others: {problem}."]


def test_a_run_in_which_no_message_arrived_misses_the_latency_too() -> None:
    assert p99([]) == float("inf")
    assert len(missed(replace(GOOD, attack_ms=[]))) == 2


def test_a_machine_that_is_busy_before_the_attack_is_reported_but_misses_no_target() -> None:
    busy = replace(GOOD, calm_ms=[45.0] * 100)
    assert (caution(GOOD), missed(busy)) == ([], [])
    assert ["took 45 ms" in sentence for sentence in caution(busy)] == [True]


def test_the_99th_percentile_is_that_of_the_slowest_hundredth() -> None:
    assert p99([*range(1, 99), 500, 600]) == 500


@pytest.mark.parametrize(
    "change",
    [
        {"stored": 0},
        {"refused": "no answer"},
        {"others_refused": "internal"},
        {"ready": 200},
        {"history": 503},
        {"joined": "a gap in the welcome"},
        {"ended": ("valkey",)},
    ],
)
def test_each_fault_of_a_full_store_gets_one_sentence(change: dict[str, Any]) -> None:
    assert FULL.missed() == []
    assert len(replace(FULL, **change).missed()) == 1


def test_the_tables_have_a_row_for_each_server_and_each_attack() -> None:
    both = [GOOD, replace(GOOD, server="daphne")]
    servers, attacks = tables.servers(both).splitlines(), tables.attacks(both).splitlines()
    assert [row.split(" | ")[0] for row in servers[2:]] == ["| uvicorn", "| daphne"]
    assert attacks[2] == "| churn | 3 | open (2), open at the end (1) | 3 | open (2), open at the end (1) |"
    assert len({row.count("|") for row in servers}) == len({row.count("|") for row in attacks}) == 1
