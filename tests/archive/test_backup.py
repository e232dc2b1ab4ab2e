"""A backup that is made while people talk is complete, and restores to a site that goes on."""

import asyncio
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import redis
from msgpack import packb

from doqchat.store import keys
from tests import processes
from tests.chat.fetch import fetch
from tests.client import Client
from tests.conftest import Connect
from tests.deployment.programs import INSTALL, MISSING, postgresql, postgresql_url
from tests.ports import free_port
from tests.store.refusing import fill, make_room

pytestmark = pytest.mark.slow

SESSIONS = 5


class Site:
    """Stores and a database, and what runs on them."""

    def __init__(self, folder: Path, database_url: str, *store_urls: str) -> None:
        self.folder = folder
        self.store_urls = store_urls
        self.variables = {
            "DOQCHAT_DATA_DIR": str(folder),
            "DATABASE_URL": database_url,
            "DOQCHAT_REDIS_URL": ",".join(store_urls),
            "DOQCHAT_LIVE_EVENTS": "10",
            "LANG": "en_US.UTF-8",
        }

    def manage(self, command: str, *arguments: str) -> "Any":
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **self.variables}
        return processes.completed([*processes.manage(command), *arguments], environment)

    def history(self, web: processes.Web, sid: str) -> list[tuple[str, str, str]]:
        """The prev, the id and the text of each event."""
        found: list[tuple[str, str, str]] = []
        after: str | None = "0"
        while after is not None:
            page = fetch(web, f"/api/chat/history/{sid}?limit=1000&after={after}").json
            found += [(each["hd"]["prev"], each["hd"]["id"], each["bd"].get("text", "")) for each in page["messages"]]
            after = page["next"]
        return found

    @contextmanager
    def running(self) -> Iterator[processes.Web]:
        """A web process and a worker."""
        with (
            processes.web(**self.variables) as web,
            processes.llm_worker(self.store_urls[0], **self.variables),
        ):
            yield web


SiteIn = Callable[[Path], AbstractContextManager[Site]]


@contextmanager
def site_in(folder: Path) -> Iterator[Site]:
    """One store, and a database in a file."""
    with processes.valkey(folder / "valkey") as store:
        yield Site(folder, f"sqlite:///{folder / 'db.sqlite3'}", store.url)


@contextmanager
def large_site_in(folder: Path) -> Iterator[Site]:
    """Two stores, and a database in PostgreSQL."""
    if "postgresql" in MISSING:
        pytest.skip(INSTALL)
    port = free_port()
    with ExitStack() as stack:
        stores = [stack.enter_context(processes.valkey(folder / f"valkey{number}")) for number in range(2)]
        cluster = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doqchat-postgresql-")))
        cluster.chmod(0o777)
        stack.enter_context(postgresql(cluster, port)).wait()
        yield Site(folder, postgresql_url(port), *(store.url for store in stores))


async def talk(client: Client, said: list[str], stop: asyncio.Event) -> None:
    while not stop.is_set():
        text = f"message {len(said)}"
        await client.say(text, msg_id=f"m{len(said)}")
        await client.recv_event("chat.ack")
        said.append(text)


@pytest.mark.parametrize("site_in", [site_in, large_site_in], ids=["SQLite", "PostgreSQL and two stores"])
async def test_what_was_acknowledged_before_a_backup_is_in_it(
    tmp_path: Path, connect: Connect, site_in: SiteIn
) -> None:
    backup = tmp_path / "backup.tar.gz"
    said: dict[str, list[str]] = {f"room{number}": [] for number in range(SESSIONS)}
    with site_in(tmp_path / "first") as site, ExitStack() as running:
        processes.migrate(site.variables)
        web = running.enter_context(site.running())
        stop = asyncio.Event()
        clients = [await connect(web, sid, v1=True, role="A") for sid in said]
        stores = [running.enter_context(closing(redis.Redis.from_url(url))) for url in site.store_urls]

        def is_trimmed(sid: str) -> bool:
            return bool(sum(store.xlen(keys.stream(sid)) for store in stores) < len(said[sid]) - 20)

        talking = [asyncio.create_task(talk(*each, stop)) for each in zip(clients, said.values(), strict=True)]
        async with asyncio.timeout(60):
            while not all(map(is_trimmed, said)):  # noqa: ASYNC110 - the archiver does not report this
                await asyncio.sleep(0.05)
        before = {sid: list(texts) for sid, texts in said.items()}
        made = await asyncio.to_thread(site.manage, "doqchat_backup", str(backup))
        assert made.returncode == 0, made.stderr
        stop.set()
        await asyncio.gather(*talking)
    assert backup.stat().st_mode & 0o077 == 0
    assert {path.name for path in tmp_path.glob("*")} == {"first", "backup.tar.gz"}  # noqa: ASYNC240

    with site_in(tmp_path / "second") as site, ExitStack() as running:
        restored = site.manage("doqchat_restore", str(backup))
        assert restored.returncode == 0, restored.stderr
        again = site.manage("doqchat_restore", str(backup))
        assert "The store has sessions" in again.stderr
        web = running.enter_context(site.running())
        for sid, texts in before.items():
            client = await connect(web, sid, v1=True, role="A")
            await client.say("after", msg_id="after")
            acknowledged = (await client.recv_event("chat.ack"))["bd"]["id"]
            events = site.history(web, sid)
            assert [text for _, _, text in events][: len(texts)] == texts
            assert [text for _, _, text in events] == [*said[sid][: len(events) - 1], "after"]
            assert [prev for prev, _, _ in events[1:]] == [own for _, own, _ in events[:-1]]
            assert events[-1][1] == acknowledged
            await client.say(texts[-1], msg_id=f"m{len(texts) - 1}")
            assert (await client.recv_event("chat.ack"))["bd"]["duplicate"]


def packed(**files: bytes) -> bytes:
    target = BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("__", "."))
            info.size = len(content)
            tar.addfile(info, BytesIO(content))
    return target.getvalue()


MANIFEST = {"version": 1, "made": "", "stores": 1, "database": "sqlite"}
END = packb(None)
DAMAGED = {"manifest__json": json.dumps(MANIFEST).encode(), "store-0": END, "db__sqlite3": b"x" * 4096}


@pytest.fixture(scope="module")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_in(tmp_path_factory.mktemp("empty")) as site:
        yield site


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"hello", "not a gzip file"),
        (packed(), "not a backup of doqchat"),
        (packed(manifest__json=b'[{"name": "an image"}]'), "not a backup of doqchat"),
        (packed(manifest__json=b'{"version": 1, "name": "an extension"}'), "not a backup of doqchat"),
        (packed(manifest__json=b"{"), "not a backup of doqchat"),
        (packed(manifest__json=json.dumps(MANIFEST | {"version": 2}).encode()), "has version 2"),
        (packed(manifest__json=json.dumps(MANIFEST | {"stores": 2}).encode()), "is of 2 stores"),
        (packed(manifest__json=json.dumps(MANIFEST | {"database": "postgresql"}).encode()), "is of postgresql"),
        (packed(**{"manifest__json": json.dumps(MANIFEST).encode(), "store-0": b""}), "part of the store is missing"),
        (packed(manifest__json=json.dumps(MANIFEST).encode()), "part of the store is missing"),
        (packed(manifest__json=json.dumps(MANIFEST).encode())[:40], "could not be restored"),
        (packed(**{"manifest__json": json.dumps(MANIFEST).encode(), "store-0": END}), "database is missing"),
        (packed(**DAMAGED), "file is not a database"),
    ],
    ids=[
        "not gzip",
        "empty",
        "of an image",
        "of an extension",
        "not JSON",
        "version",
        "servers",
        "database",
        "no end of a store",
        "no store",
        "cut off",
        "no database",
        "damaged",
    ],
)
def test_what_is_not_a_complete_backup_changes_nothing(
    tmp_path: Path, empty_site: Site, content: bytes, problem: str
) -> None:
    file = tmp_path / "backup"
    file.write_bytes(content)
    done = empty_site.manage("doqchat_restore", str(file))
    assert done.returncode == 1
    assert problem in done.stderr
    assert done.stderr.splitlines()[-1].startswith("CommandError: ")
    with closing(redis.Redis.from_url(empty_site.variables["DOQCHAT_REDIS_URL"])) as client:
        assert client.keys() == []


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of sessions with 16 MiB."""
    file = tmp_path / "backup.tar.gz"
    with site_in(tmp_path / "first") as site, closing(redis.Redis.from_url(site.store_urls[0])) as client:
        processes.migrate(site.variables)
        for number in range(16):
            client.xadd(keys.stream(f"room{number}"), {"participant": "A", "body": os.urandom(2**19).hex()})
        made = site.manage("doqchat_backup", str(file))
        assert made.returncode == 0, made.stderr
    return file


def test_a_full_store_can_be_backed_up(tmp_path: Path, empty_site: Site) -> None:
    with closing(redis.Redis.from_url(empty_site.store_urls[0])) as client:
        fill(client)
        made = empty_site.manage("doqchat_backup", str(tmp_path / "backup.tar.gz"))
        make_room(client)
    assert made.returncode == 0, made.stderr


def test_a_restore_into_a_database_with_accounts_changes_nothing(tmp_path: Path, backup: Path) -> None:
    with site_in(tmp_path / "second") as site:
        processes.migrate(site.variables)
        user = ("createsuperuser", "--noinput", "--username", "sora", "--email", "")
        assert site.manage(*user).returncode == 0
        done = site.manage("doqchat_restore", str(backup))
        assert "The database is not empty" in done.stderr
        with closing(sqlite3.connect(tmp_path / "second" / "db.sqlite3")) as database:
            assert database.execute("SELECT username FROM auth_user").fetchall() == [("sora",)]


@pytest.mark.parametrize("full", ["store", "database"])
def test_a_restore_that_fails_leaves_nothing_and_can_be_repeated(tmp_path: Path, backup: Path, full: str) -> None:
    with site_in(tmp_path / "second") as site, closing(redis.Redis.from_url(site.store_urls[0])) as client:
        if full == "store":
            client.config_set("maxmemory", client.info("memory")["used_memory"] + 2**22)
        else:
            (tmp_path / "second" / "db.sqlite3").mkdir()
        failed = site.manage("doqchat_restore", str(backup))
        assert failed.returncode == 1
        assert failed.stderr.splitlines()[-1].startswith("CommandError: ")
        assert client.keys() == []
        if full == "store":
            client.config_set("maxmemory", 0)
        else:
            (tmp_path / "second" / "db.sqlite3").rmdir()
        restored = site.manage("doqchat_restore", str(backup))
        assert restored.returncode == 0, restored.stderr
        assert sum(client.xlen(keys.stream(f"room{number}")) for number in range(16)) == 16
