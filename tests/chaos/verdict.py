"""Compares the book with the store, and puts what it finds into a table."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from doqchat.protocol.ids import order
from tests.chaos.ledger import Ledger, Message, Outcome, Reader

COUNTED = ("sent", "acknowledged", "refused", "not known", "stored")
PROBLEMS = ("lost", "unseen", "doubled", "seen twice", "out of order", "refused, stored")
MEANINGS = """\
A message belongs to the fault that was the last to begin when its sender learnt what became of it, a receipt to the
one that was the last to begin when it came. "Refused": the sender gave up and the server's last word was
`unavailable`; "not known": the sender gave up without an answer.
Lost: acknowledged, and not in the store with that id and text. Unseen: in the store, and a reader has not got it; one
for each reader. Doubled: in the store twice. Seen twice, out of order: at any reader, and for the latter also in the
store, by each sender's numbers. Refused, stored: refused, and in the store all the same."""

Entry = tuple[str, Mapping[str, str]]


@dataclass
class Verdict:
    """What was found.

    Attributes:
        counts: how often what was found, by phase.
        details: one line for each problem.
    """

    phases: Sequence[str]
    counts: Counter[tuple[int, str]] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)

    def total(self, what: str) -> int:
        """The sum over all phases."""
        return sum(count for (_, counted), count in self.counts.items() if counted == what)

    @property
    def passed(self) -> bool:
        """Whether there is not a single problem."""
        return not any(self.total(problem) for problem in PROBLEMS)

    def problem(self, phase: int, kind: str, detail: str) -> None:
        """Count a problem."""
        self.counts[phase, kind] += 1
        self.details.append(f"{kind}, {self.phases[phase]}: {detail}")

    def table(self) -> str:
        """A row for each kind of fault, and the total."""
        columns = ("times", *COUNTED, *PROBLEMS)
        widths = [max(len(column), 6) for column in columns]
        header = " ".join(column.rjust(width) for column, width in zip(columns, widths, strict=True))
        lines = [f"{'fault':26}{header}"]
        for kind in dict.fromkeys(self.phases):
            of_kind = [phase for phase, name in enumerate(self.phases) if name == kind]
            numbers = [len(of_kind), *(sum(self.counts[phase, what] for phase in of_kind) for what in columns[1:])]
            lines.append(_row(kind, numbers, widths))
        numbers = [len(self.phases) - 1, *(self.total(what) for what in columns[1:])]
        return "\n".join([*lines, "-" * len(lines[0]), _row("all", numbers, widths)])


def judge(ledger: Ledger, streams: Mapping[str, Sequence[Entry]]) -> Verdict:
    """Compare with what the store has of each session."""
    verdict = Verdict(ledger.phases)
    for sid, entries in streams.items():
        _judge_store(verdict, ledger, sid, entries)
    for reader in ledger.readers:
        _judge_reader(verdict, ledger, reader, streams[reader.sid])
    return verdict


def _judge_store(verdict: Verdict, ledger: Ledger, sid: str, entries: Sequence[Entry]) -> None:
    stored: dict[str, list[tuple[str, str]]] = {}
    for entry_id, fields in entries:
        envelope = json.loads(fields["body"])
        stored.setdefault(envelope["hd"]["msg_id"], []).append((entry_id, envelope["bd"]["text"]))
    newest: dict[str, tuple[int, int]] = {}
    for message in ledger.of(sid):
        found = stored.get(message.msg_id, [])
        _judge_message(verdict, message, found)
        if message.outcome is Outcome.ACKNOWLEDGED:
            place = order(message.entry_id)
            if place < newest.get(message.sender, (0, 0)):
                verdict.problem(message.phase, "out of order", f"{sid} has {message.msg_id} before an earlier one")
            newest[message.sender] = place


def _judge_message(verdict: Verdict, message: Message, found: Sequence[tuple[str, str]]) -> None:
    phase, named = message.phase, f"{message.sid} {message.msg_id}"
    ids = ", ".join(entry_id for entry_id, _ in found) or "nothing"
    told = {Outcome.ACKNOWLEDGED: "acknowledged", Outcome.REFUSED: "refused", Outcome.NOTHING: "not known"}
    verdict.counts.update([(phase, "sent"), (phase, told[message.outcome])])
    verdict.counts[phase, "stored"] += bool(found)
    if message.outcome is Outcome.ACKNOWLEDGED and (message.entry_id, message.text) not in found:
        verdict.problem(phase, "lost", f"{named} was acknowledged as {message.entry_id}; stored is {ids}")
    if len(found) > 1:
        verdict.problem(phase, "doubled", f"{named} is stored as {ids}")
    if message.outcome is Outcome.REFUSED and found:
        verdict.problem(phase, "refused, stored", f"{named} is stored as {ids}")


def _judge_reader(verdict: Verdict, ledger: Ledger, reader: Reader, entries: Sequence[Entry]) -> None:
    named = f"{reader.sid} {reader.name}"
    stored = {entry_id for entry_id, _ in entries}
    seen: set[str] = set()
    furthest = (0, 0)
    for entry_id, msg_id, phase in reader.seen:
        if entry_id not in stored:
            verdict.problem(phase, "lost", f"{named} got {entry_id}, {msg_id}, which is not in the store")
        if entry_id in seen:
            verdict.problem(phase, "seen twice", f"{named} got {entry_id} again")
        elif order(entry_id) < furthest:
            verdict.problem(phase, "out of order", f"{named} got {entry_id} late")
        seen.add(entry_id)
        furthest = max(furthest, order(entry_id))
    for entry_id, fields in entries:
        if entry_id not in seen:
            message = ledger.find(reader.sid, json.loads(fields["body"])["hd"]["msg_id"])
            verdict.problem(message.phase if message else 0, "unseen", f"{named} has not got {entry_id}")


def _row(name: str, numbers: Sequence[int], widths: Sequence[int]) -> str:
    return f"{name:26}" + " ".join(f"{number:,}".rjust(width) for number, width in zip(numbers, widths, strict=True))
