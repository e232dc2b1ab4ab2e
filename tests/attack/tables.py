"""The results as Markdown tables."""

from collections import Counter
from collections.abc import Sequence

from tests.attack.findings import PROBLEMS, Findings, p99

SHOWN_ANSWERS = 4
SERVER_COLUMNS = (
    "server", "messages", "p99 before, ms", "p99 attacked, ms", "longest, ms", "lost, doubled or out of order",
    "refused or unanswered", "joins (wrong, longest)", "requests answered (longest)", "web process, % of a core",
    "web process, MiB", "store, MiB", "log lines (KiB)", "tracebacks",
)  # fmt: skip


def servers(findings: Sequence[Findings]) -> str:
    """A row for each server."""
    return _table(SERVER_COLUMNS, [_server(found) for found in findings], texts=1)


def attacks(findings: Sequence[Findings]) -> str:
    """A row for each attack; attempts and answers of each server."""
    columns = ["attack", *(f"{found.server}: {what}" for found in findings for what in ("attempts", "answers"))]
    names = dict.fromkeys(name for found in findings for name in found.attempts)
    rows = [[name, *(cell for found in findings for cell in _attack(found, name))] for name in names]
    return _table(columns, rows, texts=len(columns))


def _server(found: Findings) -> list[str]:
    lines = found.web_log.lines + found.worker_log.lines
    size = (found.web_log.size + found.worker_log.size) / 1024
    problems = sum(found.problems[kind] for kind in PROBLEMS)
    return [
        found.server,
        f"{len(found.attack_ms):,}",
        f"{p99(found.calm_ms):.1f}",
        f"{p99(found.attack_ms):.1f}",
        f"{max(found.attack_ms, default=float('inf')):.0f}",
        f"{problems:,}",
        f"{found.refused.total() + found.unanswered:,}",
        f"{found.joined:,} ({found.joins_wrong.total():,}, {found.join_seconds:.1f} s)",
        f"{found.answered} of {found.asked} ({found.answer_seconds:.1f} s)",
        f"{100 * found.web_busy:.0f}",
        " → ".join(f"{mib:.0f}" for mib in found.web_mib),
        " → ".join(f"{mib:.0f}" for mib in found.store_mib),
        f"{lines:,} ({size:,.0f})",
        f"{found.tracebacks:,}",
    ]


def _attack(found: Findings, name: str) -> list[str]:
    attempts, answers = found.attempts.get(name, 0), Counter(found.answers.get(name, {}))
    shown = answers.most_common(SHOWN_ANSWERS)
    parts = [f"{answer} ({number:,})" for answer, number in shown]
    if others := answers.total() - sum(number for _, number in shown):
        parts.append(f"others ({others:,})")
    if attempts > answers.total():
        parts.append(f"open at the end ({attempts - answers.total():,})")
    return [f"{attempts:,}", ", ".join(parts)]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> str:
    rule = ["---" if number < texts else "---:" for number in range(len(columns))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [columns, rule, *rows])
