"""The targets, and which of them a run has missed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.attack.watch import Logged
from tests.chaos.report import PROBLEMS

P99_MS = 60.0
GROWTH_MIB = 30.0
ENOUGH = 0.5
"""The share of the messages that were to be sent below which the run says little."""


@dataclass
class Findings:
    """What was found on one server.

    Attributes:
        server: `uvicorn` or `daphne`.
        calm_ms, attack_ms: how long each message took, in milliseconds, before and during the attack.
        due: how many messages should have been sent during the attack.
        problems: how many of the others' messages were lost and so on, by PROBLEMS.
        unanswered: how many were neither acknowledged nor refused.
        refused: how many were refused, by code.
        joined, joins_wrong, join_seconds: joins, those that went wrong by what was wrong, the longest.
        asked, answered, answer_seconds: requests to the model, those answered, the longest.
        web_mib, store_mib: resident memory before, at the most, and after.
        web_busy: the share of a core that the web process used during the attack.
        web_log, worker_log: what was logged during the attack.
        failures: a sentence for each process that has ended by itself, or would not end when told to.
        attempts: how often each attack was tried.
        answers: how the server answered each attack.
    """

    server: str
    calm_ms: Sequence[float]
    attack_ms: Sequence[float]
    due: float
    joined: int
    asked: int
    answered: int
    web_mib: tuple[float, float, float]
    store_mib: tuple[float, float, float]
    web_busy: float
    web_log: Logged
    worker_log: Logged
    attempts: dict[str, int]
    answers: dict[str, Counter[str]]
    problems: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    joins_wrong: Counter[str] = field(default_factory=Counter)
    join_seconds: float = 0.0
    answer_seconds: float = 0.0
    failures: Sequence[str] = ()

    @property
    def growth(self) -> float:
        """How much more memory the web process had at the most, in MiB."""
        before, most, _ = self.web_mib
        return most - before

    @property
    def tracebacks(self) -> int:
        return self.web_log.tracebacks + self.worker_log.tracebacks


def p99(took: Sequence[float]) -> float:
    """The 99th percentile; infinite when nothing was measured."""
    return sorted(took)[int(0.99 * (len(took) - 1))] if took else float("inf")


def caution(found: Findings) -> list[str]:
    """A sentence when the machine was too busy, before the attack already, for the times to say much."""
    if (calm := p99(found.calm_ms)) <= P99_MS / 2:
        return []
    return [f"Messages took {calm:.0f} ms (p99) before the attack already: something else keeps this machine busy."]


def missed(found: Findings) -> list[str]:
    """A sentence for each target that was missed."""
    return [*_missed_by_others(found), *_missed_by_processes(found), *_not_attacked(found)]


def _missed_by_others(found: Findings) -> list[str]:
    sentences = []
    if (worst := p99(found.attack_ms)) > P99_MS:
        sentences.append(f"Messages of others took {worst:.0f} ms (p99), target {P99_MS:g} ms.")
    if len(found.attack_ms) < ENOUGH * found.due:
        sentences.append(f"Only {len(found.attack_ms):,} of {found.due:,.0f} messages of others got through.")
    sentences += [f"{found.problems[kind]:,} messages of others: {kind}." for kind in PROBLEMS if found.problems[kind]]
    if found.unanswered:
        sentences.append(f"{found.unanswered:,} messages of others got no answer.")
    sentences += [f"{number:,} messages of others were refused: {code}." for code, number in found.refused.items()]
    sentences += [f"{number:,} joins of others went wrong: {what}." for what, number in found.joins_wrong.items()]
    if not found.joined:
        sentences.append("No join succeeded.")
    if not 0 < found.asked == found.answered:
        sentences.append(f"{found.answered} of {found.asked} requests to the model were answered.")
    return sentences


def _missed_by_processes(found: Findings) -> list[str]:
    sentences = list(found.failures)
    if found.growth > GROWTH_MIB:
        sentences.append(f"The web process grew by {found.growth:.0f} MiB, target {GROWTH_MIB:g} MiB.")
    if found.tracebacks:
        sentences.append(f"{found.tracebacks:,} tracebacks were logged, target 0.")
    return sentences


def _not_attacked(found: Findings) -> list[str]:
    return [f"The attack {name} was not tried." for name, number in found.attempts.items() if not number]
