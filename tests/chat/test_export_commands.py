"""`doqchat_export` writes sessions to files, and `doqchat_import` reads them back."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from chat.models import ChatSession
from chat.webhooks.models import WebhookDelivery, WebhookEndpoint
from doqchat.archive.models import ArchivedSession
from doqchat.store import keys
from tests.chat.commands import run
from tests.chat.fetch import history, post
from tests.chat.sessions import write_messages
from tests.processes import Web

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
def test_exported_sessions_are_imported_as_they_were(
    server: Web, store: "redis.Redis", sid: str, tmp_path: Path
) -> None:
    sids = [sid, f"{sid}.2"]
    for each in sids:
        write_messages(store, each, *[("A", f"n{number} 안녕") for number in range(5)])
    files = [tmp_path / "exports" / f"{each}.json" for each in sids]
    done = run("doqchat_export", *sids, "--directory", str(files[0].parent))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "2 exported, 0 skipped\n")
    assert sorted(files[0].parent.iterdir()) == sorted(files)
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    before = history(server, sid).json
    store.delete(*map(keys.stream, sids))
    assert history(server, sid).json["messages"] == []

    WebhookEndpoint.objects.create(url="https://example.org", types="message.created", created_at=LONG_AGO)
    done = run("doqchat_import", *map(str, files))
    assert not WebhookDelivery.objects.exists()  # imported messages are not news
    assert (done.returncode, done.stdout) == (0, "".join(f"Imported {each}: 5 events\n" for each in sids))
    assert history(server, sid).json == before
    assert ChatSession.objects.filter(sid__in=sids).count() == 2
    done = run("doqchat_export", sid)
    assert (done.returncode, done.stdout) == (0, files[0].read_text())
    last = before["messages"][-1]["hd"]["id"]
    post(server, sid, "later", role="B")
    assert history(server, sid).json["messages"][-1]["hd"]["prev"] == last


@pytest.mark.slow
def test_an_import_is_repeatable_and_never_changes_a_session(
    server: Web, store: "redis.Redis", sid: str, tmp_path: Path
) -> None:
    write_messages(store, sid, ("A", "hi"), ("B", "hello"))
    file, cut = tmp_path / "export.json", tmp_path / "cut.json"
    file.write_text(run("doqchat_export", sid).stdout)
    done = run("doqchat_import", str(file))
    assert (done.returncode, done.stdout) == (0, f"{sid} is there already.\n")
    post(server, sid, "later")
    done = run("doqchat_import", str(file))
    refusal = f"CommandError: {file} was not imported. There is another session {sid}.\n"
    assert (done.returncode, done.stderr) == (1, refusal)
    store.delete(keys.stream(sid))
    cut.write_bytes(file.read_bytes()[:-3])
    done = run("doqchat_import", str(cut), str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"CommandError: {cut} was not imported. The file is cut off in line 4.\n"
    assert not ArchivedSession.objects.filter(sid=sid).exists()
    ArchivedSession.objects.create(sid=sid)  # retention has removed its events, or was only set
    assert run("doqchat_import", str(file)).stderr == refusal


def test_an_export_of_everything_can_be_repeated(store: "redis.Redis", sid: str, tmp_path: Path) -> None:
    write_messages(store, sid, ("A", "hi"))
    arguments = ("--all", "--directory", str(tmp_path), "--format", "html", "--lang", "ko")
    done = run("doqchat_export", *arguments)
    file = tmp_path / f"{sid}.html"
    assert done.returncode == 0
    assert '<html lang="ko">' in file.read_text()
    file.write_text("mine")
    done = run("doqchat_export", *arguments)
    assert done.stderr.startswith("0 exported, ")
    assert file.read_text() == "mine"
    done = run("doqchat_export", "--active-since", "2999-01-01", "--overwrite", "--directory", str(tmp_path / "none"))
    assert done.stderr == "0 exported, 0 skipped\n"


def test_what_cannot_be_exported_is_named_and_the_rest_is_exported(
    store: "redis.Redis", sid: str, tmp_path: Path
) -> None:
    write_messages(store, sid, ("A", "hi"))
    done = run("doqchat_export", "/", f"{sid}-not", sid, "--directory", str(tmp_path))
    assert done.returncode == 1
    assert f"There is no session {sid}-not" in done.stderr
    assert done.stderr.endswith("1 exported, 0 skipped\nCommandError: 2 sessions were not exported.\n")
    assert [json.loads(file.read_text())["sid"] for file in tmp_path.iterdir()] == [sid]
