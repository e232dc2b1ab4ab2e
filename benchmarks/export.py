"""`python -m benchmarks.export`: import a long session, export it, and compare the files byte for byte.

The web process serves the export from the archive. Its memory is sampled while the file is read. Exit status 0 if every
export grows it by less than GROWTH MiB and the JSON is the imported file.
"""

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import django
import psutil
from pydantic_core import to_json

from benchmarks.processes import ROOT, listening, store
from tests.ports import free_port

GROWTH = 20.0
READ_BYTES = 2**20
FORMATS = ("json", "csv", "md", "html")
START_MS = 1_700_000_000_000

TEXT = "내일 오전에는 부산에서 열 시에 만나기로 했어요. Please bring the report with you, 감사합니다! 😊"


@dataclass(frozen=True)
class Export:
    """One export: its size in MiB, how long it took, by how much the process grew, and whether it is the file."""

    size: float
    seconds: float
    growth: float
    equal: bool


def write_document(path: Path, sid: str, messages: int) -> None:
    """An export as doqchat would write it."""
    from doqchat.archive.document import JSONDocument
    from doqchat.store.exports import Exported, Retained
    from doqchat.store.reader import Entry
    from doqchat.store.settings import SessionSettings

    session = Exported(
        sid, SessionSettings(title="긴 상담"), closed=False, last="", read={}, muted={}, revoked={}, retained=Retained()
    )
    form = JSONDocument(session)
    prev = "0-0"
    with path.open("w", encoding="utf-8") as file:
        file.write(form.begin())
        for number in range(messages):
            role = "AB"[number % 2]
            hd = {"event": "chat.message", "role": role, "sid": sid, "timestamp": "2026-11-30T09:00:00.000Z"}
            body = to_json({"hd": hd, "bd": {"text": f"{number}: {TEXT}"}}).decode()
            own = f"{START_MS + number * 1_000}-0"
            file.write(form.event(Entry(own, prev, role, body)))
            prev = own
        file.write(form.end())


def manage(environment: dict[str, str], *arguments: str) -> float:
    """Run a command of manage.py; returns the seconds that it took. Raises CalledProcessError."""
    began = time.perf_counter()
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def export(port: int, web: psutil.Process, sid: str, form: str, original: Path | None = None) -> Export:
    """Read an export to its end, and compare it with a file."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    before, most, size, equal = web.memory_info().rss, 0, 0, True
    began = time.perf_counter()
    connection.request("GET", f"/api/chat/sessions/{sid}/export?format={form}")
    with contextlib.closing(connection), (original or Path(os.devnull)).open("rb") as file:
        answer = connection.getresponse()
        while piece := answer.read(READ_BYTES):
            size += len(piece)
            equal = equal and (original is None or file.read(len(piece)) == piece)
            most = max(most, web.memory_info().rss)
        equal = equal and answer.status == 200 and not file.read(1)
    return Export(size / 2**20, time.perf_counter() - began, (most - before) / 2**20, equal)


@contextlib.contextmanager
def site(folder: Path) -> Iterator[dict[str, str]]:
    """The variables of a site with a store and a migrated database of its own."""
    with store(folder) as (_, url):
        environment = {
            "DOQCHAT_DATA_DIR": str(folder),
            "DOQCHAT_REDIS_URL": url,
            "DOQCHAT_ACCESS": "open",
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LC_ALL": "en_US.UTF-8",
        }
        manage(environment, "migrate")
        yield environment


def measure(messages: int, folder: Path) -> bool:
    """Import, export and compare, with a line for each; whether all is as it must be."""
    long, short = folder / "long.json", folder / "short.json"
    write_document(long, "long", messages)
    write_document(short, "short", 1_000)
    with site(folder) as environment:
        manage(environment, "doqchat_import", str(short))
        seconds = manage(environment, "doqchat_import", str(long))
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        size = long.stat().st_size / 2**20
        print(f"import: {messages:,} messages, {size:,.0f} MiB, {seconds:.1f} s, at most {most:.0f} MiB", flush=True)
        port = free_port()
        command = [sys.executable, str(ROOT / "manage.py"), "doqchat_web", "--port", str(port)]
        with listening(command, port, folder / "web.log", sorted(os.sched_getaffinity(0)), environment) as pid:
            return _measure_exports(port, psutil.Process(pid), long)


def _measure_exports(port: int, web: psutil.Process, original: Path) -> bool:
    passed = True
    for form in FORMATS:
        export(port, web, "short", form)  # loads what an export needs
        found = export(port, web, "long", form, original if form == "json" else None)
        same = f", {'equal to' if found.equal else 'NOT'} the imported file" if form == "json" else ""
        print(f"{form}: {found.size:,.0f} MiB, {found.seconds:.1f} s, {found.growth:+.1f} MiB{same}", flush=True)
        passed = passed and found.equal and found.growth < GROWTH
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="length of the session (1,000,000)")
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    with tempfile.TemporaryDirectory() as folder:
        return 0 if measure(arguments.messages, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
