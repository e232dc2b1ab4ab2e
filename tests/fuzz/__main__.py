"""`python -m tests.fuzz`: frames that Hypothesis draws, from each principal, to a running server.

Every answer is checked, and at the end all that is stored. Exit status 0 if nothing is wrong, 1 otherwise.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.fuzz.findings import Stored, faults_of, stored
from tests.fuzz.principals import PRINCIPALS
from tests.fuzz.run import Sending, Task, send
from tests.fuzz.site import site

AT_ONCE = 2
SHOWN = 10


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fuzz(server: str, access: str, names: Sequence[str], frames: int, seed: int) -> Iterator[str]:
    """Fuzz a site with this access, print a row for each principal; yields what is wrong."""
    with (
        tempfile.TemporaryDirectory(prefix="doqchat-fuzz-") as folder,
        site(server, access, Path(folder)) as (web, store),
        ProcessPoolExecutor(AT_ONCE, mp_context=get_context("spawn")) as pool,
    ):
        sendings = list(pool.map(send, [Task(name, web.address, store.url, frames, seed) for name in names]))
        found, strays = stored(store, sendings)
        for sending in sendings:
            say(row(sending, found[sending.name]))
            yield from filter(None, [sending.failure, *found[sending.name].faults[:SHOWN]])
        yield from [*strays[:SHOWN], *faults_of(web)]


def row(sending: Sending, found: Stored) -> str:
    """A row of the table."""
    wrong = "yes" if sending.failure else "no"
    cells = f"{sending.frames:,}", f"{sending.connections:,}", f"{found.entries:,}", f"{len(found.faults):,}", wrong
    return f"| {' | '.join([sending.name, *cells])} |"


def principals(value: str) -> list[str]:
    """Names of principals in a list with commas."""
    if unknown := [name for name in value.split(",") if name not in PRINCIPALS]:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; there are {', '.join(PRINCIPALS)}")
    return value.split(",")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("frames", type=int, nargs="?", default=10_000, help="of each principal (10000)")
    parser.add_argument("--only", type=principals, default=list(PRINCIPALS), help="NAME[,NAME] of the principals")
    parser.add_argument("--server", choices=("uvicorn", "daphne"), default="uvicorn")
    parser.add_argument("--seed", type=int, default=1, help="draws other frames (1)")
    arguments = parser.parse_args()
    wrong: list[str] = []
    for access in ("token", "open"):
        if names := [name for name in arguments.only if PRINCIPALS[name].access == access]:
            wrong += fuzz(arguments.server, access, names, arguments.frames, arguments.seed)
    say("\n".join([*wrong, "FAILED" if wrong else "pass"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
