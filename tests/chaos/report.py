"""Compares the book with the store, and puts what it finds into a table."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from doqchat.protocol.ids import order
from tests.chaos.ledger import Ledger, Message, Outcome, Reader

COUNTED = ("sent", "acknowledged", "refused", "not known", "stored", "received")
PROBLEMS = ("lost", "unseen", "doubled", "seen twice", "out of order", "refused, stored")
MEANINGS = """\
A message belongs to the fault that was the last to begin when its sender learnt what became of it, a receipt to the
one that was the last to begin when it came. A and B are the reference client, one of each in every session; a witness
is a bare socket that only reads.
Refused: the sender gave up and the server's last word was `unavailable`. Not known: the sender gave up without an
answer. Received: counted once for each reader.
Lost: acknowledged, and not in the store with that id and text. Unseen: in the store, and a reader has not got it; one
for each reader. Doubled: in the store twice. Seen twice, out of order: at any reader, and for the latter also in the
store, by each sender's numbers. Refused, stored: refused, and in the store all the same."""

Entry = tuple[str, Mapping[str, str]]


@dataclass
class Report:
    """What was found.

    Attributes:
        phases: the kind of fault of each phase.
        counts: how often what was found, by phase and kind of client.
        details: one line for each problem.
    """

    phases: Sequence[str]
    counts: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)

    def total(self, what: str) -> int:
        """The sum over all phases and clients."""
        return sum(count for (_, _, counted), count in self.counts.items() if counted == what)

    @property
    def passed(self) -> bool:
        """Whether there is not a single problem."""
        return not any(self.total(problem) for problem in PROBLEMS)

    def problem(self, phase: int, client: str, kind: str, detail: str) -> None:
        """Count a problem of a kind of client."""
        self.counts[phase, client, kind] += 1
        self.details.append(f"{kind}, {self.phases[phase]}: {detail}")

    def tables(self) -> str:
        """A row for each kind of fault, and one for each kind of client."""
        by_fault: Counter[tuple[str, str]] = Counter()
        by_client: Counter[tuple[str, str]] = Counter()
        for (phase, client, what), count in self.counts.items():
            by_fault[self.phases[phase], what] += count
            by_client[client, what] += count
        times = Counter(self.phases)
        faults = [(f"{kind} ({times[kind]})", kind) for kind in times]
        clients = [(client, client) for client in sorted({client for client, _ in by_client})]
        return f"{_table('fault (times)', faults, by_fault)}\n\n{_table('client', clients, by_client)}"


def compare(ledger: Ledger, streams: Mapping[str, Sequence[Entry]]) -> Report:
    """Compare with what the store has of each session."""
    report = Report(ledger.phases)
    for sid, entries in streams.items():
        _compare_store(report, ledger, sid, entries)
    for reader in ledger.readers:
        _compare_reader(report, ledger, reader, streams[reader.sid])
    return report


def _compare_store(report: Report, ledger: Ledger, sid: str, entries: Sequence[Entry]) -> None:
    stored: dict[str, list[tuple[str, str]]] = {}
    for entry_id, fields in entries:
        envelope = json.loads(fields["body"])
        stored.setdefault(envelope["hd"].get("key", ""), []).append((entry_id, envelope["bd"]["text"]))
    newest: dict[str, tuple[int, int]] = {}
    for message in ledger.of(sid):
        found = stored.get(message.key, [])
        _compare_message(report, message, found)
        if message.outcome is Outcome.ACKNOWLEDGED:
            place = order(message.entry_id)
            if place < newest.get(message.sender, (0, 0)):
                report.problem(
                    message.phase, message.sender, "out of order", f"{sid} has {message.key} before an earlier one"
                )
            newest[message.sender] = place


def _compare_message(report: Report, message: Message, found: Sequence[tuple[str, str]]) -> None:
    phase, client, named = message.phase, message.sender, f"{message.sid} {message.key}"
    ids = ", ".join(entry_id for entry_id, _ in found) or "nothing"
    told = {Outcome.ACKNOWLEDGED: "acknowledged", Outcome.REFUSED: "refused", Outcome.NOTHING: "not known"}
    report.counts.update([(phase, client, "sent"), (phase, client, told[message.outcome])])
    report.counts[phase, client, "stored"] += bool(found)
    if message.outcome is Outcome.ACKNOWLEDGED and (message.entry_id, message.text) not in found:
        report.problem(phase, client, "lost", f"{named} was acknowledged as {message.entry_id}; stored is {ids}")
    if len(found) > 1:
        report.problem(phase, client, "doubled", f"{named} is stored as {ids}")
    if message.outcome is Outcome.REFUSED and found:
        report.problem(phase, client, "refused, stored", f"{named} is stored as {ids}")


def _compare_reader(report: Report, ledger: Ledger, reader: Reader, entries: Sequence[Entry]) -> None:
    client, named = reader.name, f"{reader.sid} {reader.name}"
    stored = {entry_id for entry_id, _ in entries}
    seen: set[str] = set()
    furthest = (0, 0)
    for entry_id, key, phase in reader.seen:
        report.counts[phase, client, "received"] += 1
        if entry_id not in stored:
            report.problem(phase, client, "lost", f"{named} got {entry_id}, {key}, which is not in the store")
        if entry_id in seen:
            report.problem(phase, client, "seen twice", f"{named} got {entry_id} again")
        elif order(entry_id) < furthest:
            report.problem(phase, client, "out of order", f"{named} got {entry_id} late")
        seen.add(entry_id)
        furthest = max(furthest, order(entry_id))
    for entry_id, fields in entries:
        if entry_id not in seen:
            message = ledger.find(reader.sid, json.loads(fields["body"])["hd"].get("key", ""))
            report.problem(message.phase if message else 0, client, "unseen", f"{named} has not got {entry_id}")


def _table(what: str, rows: Sequence[tuple[str, str]], counts: Mapping[tuple[str, str], int]) -> str:
    """A row for each of `rows`, which are a title and the key that it has in `counts`, and the total."""
    columns = (*COUNTED, *PROBLEMS)
    lines = [_row(what, columns)]
    lines += [_row(title, [f"{counts[key, column]:,}" for column in columns]) for title, key in rows]
    totals = [f"{sum(counts[key, column] for _, key in rows):,}" for column in columns]
    return "\n".join([*lines, "-" * len(lines[0]), _row("all", totals)])


def _row(title: str, cells: Sequence[str]) -> str:
    widths = [max(len(column), 6) for column in (*COUNTED, *PROBLEMS)]
    return f"{title:32}" + " ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
