"""What the comparison finds: each kind of problem, where there is one and only there."""

import json
from collections.abc import Sequence

import pytest

from tests.chaos.ledger import Ledger, Outcome
from tests.chaos.report import PROBLEMS, Entry, Report, compare

SID = "chaos-0"


class Run:
    """A session in which A said three things, all of them acknowledged, stored and read; then a fault began."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.reader = self.ledger.open(SID, "witness")
        self.messages = [self.ledger.write(SID, "A", number, f"text {number}") for number in (1, 2, 3)]
        self.entries: list[Entry] = []
        for message in self.messages:
            entry_id = f"{message.number}-0"
            self.ledger.settle(message, Outcome.ACKNOWLEDGED, entry_id)
            self.store(entry_id, message.key, message.text)
            self.reader.seen.append((entry_id, message.key, 0))
        self.ledger.begin("store killed")

    def store(self, entry_id: str, key: str, text: str) -> None:
        """One more entry."""
        self.entries.append((entry_id, {"body": json.dumps({"hd": {"key": key}, "bd": {"text": text}})}))

    def found(self) -> dict[str, int]:
        """The problems, by kind."""
        report = self.compared()
        return {kind: report.total(kind) for kind in PROBLEMS if report.total(kind)}

    def compared(self) -> Report:
        return compare(self.ledger, {SID: self.entries})


@pytest.fixture
def run() -> Run:
    return Run()


def test_a_run_without_problems_passes(run: Run) -> None:
    report = run.compared()
    assert report.passed
    assert [report.total(what) for what in ("sent", "acknowledged", "stored")] == [3, 3, 3]


def test_an_acknowledged_message_that_is_not_stored_is_lost(run: Run) -> None:
    del run.entries[1], run.reader.seen[1]
    assert run.found() == {"lost": 1}


def test_a_message_that_is_stored_with_another_text_is_lost(run: Run) -> None:
    run.messages[1].text = "another"
    assert run.found() == {"lost": 1}


def test_an_event_that_was_seen_and_is_not_stored_is_lost(run: Run) -> None:
    run.reader.seen.append(("4-0", "A-4", 1))
    assert run.found() == {"lost": 1}


def test_an_event_that_a_reader_has_not_got_is_unseen(run: Run) -> None:
    del run.reader.seen[2]
    assert run.found() == {"unseen": 1}


def test_a_message_that_is_stored_twice_is_doubled(run: Run) -> None:
    run.store("4-0", "A-3", "text 3")
    run.reader.seen.append(("4-0", "A-3", 1))
    assert run.found() == {"doubled": 1}


@pytest.mark.parametrize(("order", "problem"), [([0, 1, 1, 2], "seen twice"), ([1, 0, 2], "out of order")])
def test_what_a_reader_gets_twice_or_late_is_counted(run: Run, order: Sequence[int], problem: str) -> None:
    run.reader.seen = [run.reader.seen[place] for place in order]
    assert run.found() == {problem: 1}


def test_messages_of_one_sender_that_are_stored_in_another_order_are_counted(run: Run) -> None:
    first, second = run.messages[:2]
    first.entry_id, second.entry_id = second.entry_id, first.entry_id
    (first_id, first_fields), (second_id, second_fields) = run.entries[:2]
    run.entries[:2] = [(first_id, second_fields), (second_id, first_fields)]
    assert run.found() == {"out of order": 1}


def test_a_refused_message_that_is_stored_is_counted_under_the_fault_of_its_refusal(run: Run) -> None:
    run.ledger.settle(run.messages[2], Outcome.REFUSED)
    report = run.compared()
    assert report.counts[1, "A", "refused, stored"] == 1
    assert report.details == ["refused, stored, store killed: chaos-0 A-3 is stored as 3-0"]


def test_a_message_of_which_nothing_is_known_may_be_stored_or_not(run: Run) -> None:
    run.ledger.settle(run.messages[2], Outcome.NOTHING)
    assert run.found() == {}
    del run.entries[2], run.reader.seen[2]
    assert run.found() == {}


def test_the_tables_have_a_row_for_each_kind_of_fault_and_of_client(run: Run) -> None:
    run.ledger.begin("store killed")
    faults, clients = (table.splitlines() for table in run.compared().tables().split("\n\n"))
    assert [row[:32].strip() for row in faults[1:]] == ["no fault yet (1)", "store killed (2)", "-" * 32, "all"]
    assert [row[:32].strip() for row in clients[1:]] == ["A", "witness", "-" * 32, "all"]
    assert faults[-1] == clients[-1]
    sent = [int(row[32:].split()[0]) for row in faults[1:] if not row.startswith("-")]
    assert sum(sent[:-1]) == sent[-1] > 0
