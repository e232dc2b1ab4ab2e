"""An erasure leaves no trace of what was said, and keeps the order. Real processes, with files of their own."""

import json
import os
import re
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from doqchat.access.tokens import mint
from tests import processes
from tests.chat.fetch import fetch
from tests.client import Client
from tests.conftest import Connect
from tests.deployment.programs import INSTALL, MISSING, postgresql, postgresql_url
from tests.ports import free_port

KEY = "a key of more than thirty-two bytes for tests"
SECRET, NAME = "비밀은swordfish", "김나박"


@dataclass
class Site:
    """A web process and a worker, and the folders with all their files."""

    folder: Path
    tables: Path | None
    environment: dict[str, str]
    web: processes.Web
    worker: processes.Process

    def headers(self, sid: str, role: str, sub: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {mint(KEY, {'sid': sid, 'role': role, 'sub': sub, 'name': NAME}, 600)}"}

    def erase(self, *arguments: str) -> str:
        done = processes.completed([*processes.manage("doqchat_erase"), *arguments], self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def events(self, sid: str) -> list[dict[str, Any]]:
        answer = fetch(self.web, f"/api/chat/history/{sid}", headers=self.headers(sid, "A", "reader"))
        return list(answer.json["messages"])

    def found(self, text: str) -> list[str]:
        """Where a text is: files and output. PostgreSQL recycles its write-ahead log in time."""
        spellings = [text.encode(), json.dumps(text).strip('"').encode()]
        folders = [self.folder, *([self.tables] if self.tables else [])]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        where = [str(path) for path in files if any(each in path.read_bytes() for each in spellings)]
        return where + [each.name for each in (self.web.process, self.worker) if text in each.output]


@contextmanager
def site_in(folder: Path, database_url: str, tables: Path | None = None) -> Iterator[Site]:
    """A site with its files in a folder, and those of its tables perhaps in another."""
    with ExitStack() as running:
        store = running.enter_context(processes.valkey(folder / "valkey"))
        environment = {
            "DOQCHAT_ACCESS": "token",
            "DOQCHAT_TOKEN_KEY": KEY,
            "DOQCHAT_DATA_DIR": str(folder),
            "DATABASE_URL": database_url,
            "DOQCHAT_REDIS_URL": store.url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LANG": "en_US.UTF-8",
        }
        processes.migrate(environment)
        full = {**os.environ, **environment}
        web = running.enter_context(processes.web(**environment))
        worker = running.enter_context(processes.llm_worker(store.url, **environment))
        yield Site(folder, tables, full, web, worker)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("erasing")
    with site_in(folder, f"sqlite:///{folder / 'db.sqlite3'}") as site:
        yield site


@pytest.fixture
def cluster() -> Iterator["psycopg.Connection"]:
    """A connection to a PostgreSQL of the test's own."""
    if "postgresql" in MISSING:
        pytest.skip(INSTALL)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="doqchat-postgresql-") as directory, ExitStack() as running:
        Path(directory).chmod(0o777)
        running.enter_context(postgresql(Path(directory), port)).wait()
        yield running.enter_context(psycopg.connect(postgresql_url(port), autocommit=True))


@pytest.fixture
def postgresql_site(cluster: "psycopg.Connection", tmp_path: Path) -> Iterator[Site]:
    """A site whose database is this PostgreSQL."""
    tables = Path(cluster.execute("SHOW data_directory").fetchall()[0][0]) / "base"
    with site_in(tmp_path, postgresql_url(cluster.info.port), tables) as site:
        yield site


async def say(client: Client, text: str) -> str:
    await client.say(text, msg_id=uuid.uuid4().hex)
    return str((await client.recv_event("chat.ack"))["bd"]["id"])


@pytest.mark.slow
async def test_what_a_person_has_said_is_erased_in_all_sessions(site: Site, connect: Connect, sid: str) -> None:
    other = f"{sid}-2"
    kim = await connect(site.web, sid, v1=True, headers=site.headers(sid, "A", "kim"))
    lee = await connect(site.web, sid, v1=True, headers=site.headers(sid, "B", "lee"))
    elsewhere = await connect(site.web, other, v1=True, headers=site.headers(other, "A", "kim"))
    said = [await say(kim, f"{SECRET} {number}") for number in range(3)]
    await say(lee, "stays")
    await say(elsewhere, SECRET)
    await elsewhere.send("llm.request", {"prompt": f"{SECRET}?"}, msg_id="asks")
    await elsewhere.recv_event("llm.response")
    await elsewhere.connection.close()

    assert "5 events in 2 sessions" in site.erase("--sub", "kim", "--dry-run")
    assert "6 events in 2 sessions" in site.erase("--sub", "kim", "--replies", "--dry-run")
    assert len(site.found(SECRET)) >= 2  # the store's file and the database
    site.erase("--sub", "kim", "--replies", "--yes")
    assert [(await lee.recv_event("message.removed"))["bd"]["id"] for _ in said] == said
    assert site.found(SECRET) == []
    events = site.events(sid)
    assert [event["hd"]["id"] for event in events[:3]] == said
    assert [event["bd"].get("text") for event in events[:4]] == ["", "", "", "stays"]
    assert not {"name", "person", "msg_id"} & set(events[0]["hd"])
    assert [event["hd"]["prev"] for event in events[1:]] == [event["hd"]["id"] for event in events[:-1]]
    assert {event["bd"].get("text", "") for event in site.events(other)} == {""}
    assert "0 events" in site.erase("--sub", "kim", "--replies", "--dry-run")
    with closing(sqlite3.connect(site.folder / "db.sqlite3")) as database:
        rows = database.execute("SELECT action, subject, name FROM doqchat_auditrecord WHERE sid = ?", [sid]).fetchall()
    assert ("erased", "command:doqchat_erase", "") in rows
    assert not any("kim" in subject for _, subject, _ in rows)


@pytest.mark.slow
async def test_a_whole_session_is_erased_with_its_names_and_answers(site: Site, connect: Connect, sid: str) -> None:
    client = await connect(site.web, sid, v1=True, headers=site.headers(sid, "A", "park"))
    said = [await say(client, f"{SECRET}! {number}") for number in range(3)]
    await client.send("llm.request", {"prompt": f"{SECRET}?"}, msg_id="asks")
    await client.recv_event("llm.response")
    before = site.events(sid)
    site.erase("--sid", sid, "--yes")
    notice = await client.recv_event("session.notice")
    assert notice["bd"]["code"] == "erased"
    assert site.found(SECRET) == []
    events = site.events(sid)
    assert [event["hd"]["id"] for event in events[:-1]] == [event["hd"]["id"] for event in before]
    assert events[0]["hd"]["id"] == said[0]
    assert {event["bd"]["text"] for event in events if "text" in event["bd"]} == {"", notice["bd"]["text"]}
    assert await say(client, "goes on") == site.events(sid)[-1]["hd"]["id"]


@pytest.mark.slow
async def test_a_database_that_is_read_for_long_is_named_because_its_log_has_what_was_erased(
    site: Site, connect: Connect, sid: str
) -> None:
    client = await connect(site.web, sid, v1=True, headers=site.headers(sid, "A", "jin"))
    await say(client, SECRET)
    await client.connection.close()
    with closing(sqlite3.connect(site.folder / "db.sqlite3", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM doqchat_auditrecord").fetchall()
        done = processes.completed([*processes.manage("doqchat_erase"), "--sid", sid, "--yes"], site.environment)
    assert done.returncode == 0
    assert "SQLite's log still has what was erased" in done.stderr
    site.erase("--sid", sid, "--yes")
    assert site.found(SECRET) == []


@pytest.mark.slow
async def test_nothing_is_left_in_the_tables_of_postgresql(
    postgresql_site: Site, cluster: "psycopg.Connection", connect: Connect, sid: str
) -> None:
    site = postgresql_site
    claims = {"sid": sid, "role": "A", "sub": "nam", "name": NAME, "can": ["read", "send", "configure"]}
    by = {"Authorization": f"Bearer {mint(KEY, claims, 600)}"}
    settings = json.dumps({"title": f"{SECRET}?", "system": f"{SECRET}!"}).encode()
    form = {"Content-Type": "application/json"}
    assert fetch(site.web, f"/api/chat/sessions/{sid}", "PATCH", by | form, settings).status == 200
    client = await connect(site.web, sid, v1=True, headers=by)
    for number in range(20):
        await say(client, f"{SECRET} {number}")
    await client.connection.close()
    assert "20 events" in site.erase("--sid", sid, "--dry-run")
    cluster.execute("ANALYZE")
    cluster.execute("CHECKPOINT")
    assert any(str(site.tables) in file for file in site.found(SECRET))
    site.erase("--sid", sid, "--yes")
    cluster.execute("CHECKPOINT")
    assert site.found(SECRET) == []
    assert site.found(NAME) == []
    sampled = "SELECT tablename, attname FROM pg_stats WHERE (most_common_vals, histogram_bounds)::text LIKE %s"
    assert cluster.execute(sampled, [f"%{SECRET}%"]).fetchall() == []

    with cluster.transaction():
        cluster.execute("SELECT FROM doqchat_auditrecord")
        again = processes.completed([*processes.manage("doqchat_erase"), "--sid", sid, "--yes"], site.environment)
    assert "Erased" in again.stdout
    assert re.findall("VACUUM FULL .*", again.stderr) == ["VACUUM FULL doqchat_auditrecord"]


def test_a_session_that_is_not_there_is_one_clear_sentence(site: Site, sid: str) -> None:
    done = processes.completed([*processes.manage("doqchat_erase"), "--sid", sid, "--yes"], site.environment)
    assert done.returncode == 1
    assert re.fullmatch(r"CommandError: There is no session with this name\.\n", done.stderr)


@pytest.mark.slow
async def test_a_person_who_has_moderated_loses_its_name_and_its_reasons(
    site: Site, connect: Connect, sid: str
) -> None:
    member = await connect(site.web, sid, v1=True, headers=site.headers(sid, "A", "reader"))
    said = await say(member, "hello")
    name, reason = "윤슬기", "reason-swordfish"
    claims = {"sid": sid, "role": "observer", "sub": "yun", "name": name, "can": ["read", "moderate"]}
    by = {"Authorization": f"Bearer {mint(KEY, claims, 600)}"}
    assert fetch(site.web, f"/api/chat/sessions/{sid}/messages/{said}?reason={reason}", "DELETE", by).status == 204
    report = await member.recv_event("message.removed")
    site.erase("--sub", "yun", "--yes")
    assert (await member.recv_event("message.removed"))["bd"]["id"] == report["hd"]["id"]
    assert site.found(name) == []
    assert site.found(reason) == []
    assert [event["hd"]["event"] for event in site.events(sid)] == ["chat.message", *["message.removed"] * 2]


@pytest.mark.slow
async def test_a_persons_name_is_removed_from_the_settings_of_sessions(site: Site, connect: Connect, sid: str) -> None:
    name, claims = "박새로이", {"sid": sid, "role": "A", "sub": "roy", "can": ["read", "send", "configure"]}
    by = {"Authorization": f"Bearer {mint(KEY, claims | {'name': name}, 600)}"}
    path, form = f"/api/chat/sessions/{sid}", {"Content-Type": "application/json"}
    settings = {"name_a": name, "name_b": "Jun", "title": "lesson"}
    assert fetch(site.web, path, "PATCH", by | form, json.dumps(settings).encode()).status == 200
    client = await connect(site.web, sid, v1=True, headers=by)
    await say(client, "hello")
    await client.connection.close()
    assert site.found(name)
    site.erase("--sub", "roy", "--yes")
    assert site.found(name) == []
    shown = fetch(site.web, path, headers=site.headers(sid, "A", "reader")).json["settings"]
    assert (shown["name_a"], shown["name_b"], shown["title"]) == ("", "Jun", "lesson")


@pytest.mark.slow
async def test_a_person_who_has_said_nothing_loses_its_name_in_the_audit_trail(
    site: Site, connect: Connect, sid: str
) -> None:
    client = await connect(site.web, sid, v1=True, headers=site.headers(sid, "A", "choi"))
    await client.connection.close()
    assert "0 events" in site.erase("--sub", "choi", "--yes")
    with closing(sqlite3.connect(site.folder / "db.sqlite3")) as database:
        rows = database.execute("SELECT subject, name FROM doqchat_auditrecord WHERE sid = ?", [sid]).fetchall()
    assert set(rows) == {("", "")}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(["--sub", "nobody"], r"Nothing was erased\."), (["--sub", "", "--yes"], r"--sub must not be empty\.")],
)
def test_nothing_is_erased_if_nobody_can_answer_or_nobody_is_named(
    site: Site, arguments: list[str], problem: str
) -> None:
    done = processes.completed([*processes.manage("doqchat_erase"), *arguments], site.environment)
    assert done.returncode == 1
    assert re.fullmatch(rf"CommandError: {problem}\n", done.stderr)
