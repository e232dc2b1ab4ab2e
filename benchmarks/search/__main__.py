"""`python -m benchmarks.search`: fill an archive with a million messages in 10,000 sessions, and search it.

Exit status 0 if the p95 of all two-syllable words is at most 50 ms in both databases, 1 otherwise, 130 after Ctrl-C.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.outcome import Outcome
from benchmarks.search.postgresql import NotInstalledError, postgresql

MOST_MS = 50
"""The p95 of a search for a word of two syllables."""


@contextmanager
def sqlite() -> Iterator[str]:
    """The URL of a database in a file."""
    with tempfile.TemporaryDirectory(prefix="doqchat-search-") as directory:
        yield f"sqlite:///{directory}/db.sqlite3"


def measure(url: str, count: int) -> dict[str, Any]:
    """What benchmarks/search/measure.py prints."""
    with tempfile.TemporaryDirectory(prefix="doqchat-search-") as directory:
        environment = os.environ | {"DATABASE_URL": url, "DOQCHAT_DATA_DIR": directory, "DOQCHAT_ACCESS": "token"}
        command = [sys.executable, "-m", "benchmarks.search.measure", str(count)]
        run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(run.stdout))


def outcomes(results: dict[str, dict[str, Any]]) -> Iterator[Outcome]:
    """Print a table, and compare the p95 of two-syllable words with the target."""
    kinds = list(next(iter(results.values()))["measured"])
    for name, result in results.items():
        print(f"{name}: archived in {result['filled']:.0f} s, {result['megabytes']:.0f} MB of index")
    print(f"\n{'p50 / p95 in ms':40}" + "".join(f"{name:>20}" for name in results))
    for kind in kinds:
        cells = (result["measured"][kind] for result in results.values())
        print(f"{kind:40}" + "".join(f"{f'{p50:.1f} / {p95:.1f}':>20}" for p50, p95 in cells))
    print()
    for name, result in results.items():
        slowest = max(p95 for kind, (_, p95) in result["measured"].items() if kind.startswith("two syllables"))
        yield Outcome.on(slowest <= MOST_MS, f"{name}: two syllables in {slowest:.1f} ms at most, target {MOST_MS} ms")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="how many are archived (1,000,000)")
    arguments = parser.parse_args()
    results = {}
    try:
        for name, database in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
            try:
                with database() as url:
                    results[name] = measure(url, arguments.messages)
            except NotInstalledError as reason:
                print(f"{name} is not measured: {reason}.")
    except KeyboardInterrupt:
        return 130
    reached = list(outcomes(results))
    for outcome in reached:
        print(outcome.text)
    return 0 if all(outcome.passed for outcome in reached) else 1


if __name__ == "__main__":
    sys.exit(main())
