"""Exports over HTTP: a whole session as a file."""

import csv
import http.client
import io
import json
import re
import socket
from contextlib import ExitStack
from urllib.parse import unquote

import pytest
import redis
from django.contrib.auth import get_user_model

from chat.exports.files import disposition
from doqchat.store import keys
from tests import processes
from tests.chat.audited import records
from tests.chat.conftest import Write, cookie_of
from tests.chat.fetch import Answer, fetch, history, post
from tests.chat.sessions import write_messages
from tests.client import WITHIN
from tests.processes import Web

FOREIGN = {"participant": "", "body": "not an \0 envelope\u2028"}


def export(web: Web, sid: str, form: str = "json", language: str = "en", method: str = "GET") -> Answer:
    return fetch(web, f"/api/chat/sessions/{sid}/export?format={form}", method, {"Accept-Language": language})


def change(web: Web, sid: str, **settings: str) -> Answer:
    body = json.dumps(settings).encode()
    return fetch(web, f"/api/chat/sessions/{sid}", "PATCH", {"Content-Type": "application/json"}, body)


def rows(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))


def test_json_has_every_stored_event_exactly(any_server: Web, store: "redis.Redis", sid: str, write: Write) -> None:
    change(any_server, sid, title="상담 1", name_a="Minji", system="Be brief.")
    ids = write(*[("AB"[number % 2], f'n{number} \r\n 안녕 \\ "') for number in range(600)])
    ids.append(store.xadd(keys.stream(sid), FOREIGN))
    answer = export(any_server, sid)
    bodies = [fields["body"].replace("\0", "\ufffd") for _, fields in store.xrange(keys.stream(sid))]
    document = answer.json
    events = document.pop("events")
    assert document == {
        "format": "doqchat",
        "version": 2,
        "sid": sid,
        "title": "상담 1",
        "closed": False,
        "settings": {"system": "Be brief.", "name_a": "Minji"},
        "read": {},
        "muted": {},
        "count": 601,
    }
    assert [(event["prev"], event["id"]) for event in events] == list(zip(["0-0", *ids], ids, strict=False))
    assert [event["body"] for event in events] == bodies
    assert [event["participant"] for event in events] == [*("AB"[number % 2] for number in range(600)), ""]


@pytest.mark.parametrize(
    ("form", "media"),
    [
        ("json", "application/json"),
        ("csv", "text/csv; charset=utf-8"),
        ("md", "text/markdown; charset=utf-8"),
        ("html", "text/html; charset=utf-8"),
    ],
)
def test_each_format_is_a_file_with_a_name_from_the_title(
    server: Web, sid: str, write: Write, form: str, media: str
) -> None:
    write(("A", "hi"))
    change(server, sid, title="상담: 첫째/날 “1”.")
    answer = export(server, sid, form)
    assert answer.headers["Content-Type"] == media
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    plain, complete = re.fullmatch(
        'attachment; filename="([^"]+)"; filename\\*=UTF-8\'\'(.+)', answer.headers["Content-Disposition"]
    ).groups()  # type: ignore[union-attr]
    assert unquote(complete) == f"상담 첫째 날 “1”.{form}"
    assert re.fullmatch(rf"[A-Za-z0-9_-]+\.{form}", plain)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("..", "session"),
        ("../../etc/passwd", "etc passwd"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ('a"b;c', "a b;c"),
        ("👨‍👩‍👧" * 16, None),
        ("가" * 80, None),
    ],
)
def test_no_title_makes_an_unsafe_file_name(title: str, name: str | None) -> None:
    header = disposition(title, "html")
    assert header.isascii()
    complete = unquote(header.partition("UTF-8''")[2])
    assert len(complete.encode()) <= 255
    assert name is None or complete == f"{name}.html"


def test_a_session_without_events_is_not_found_and_nothing_is_created(
    server: Web, store: "redis.Redis", sid: str
) -> None:
    for method in ("GET", "HEAD"):
        assert export(server, sid, method=method).status == 404
    assert export(server, sid).json["error"]["code"] == "not_found"
    assert store.keys(f"*{sid}*") == []


def test_an_unknown_format_is_refused(server: Web, sid: str, write: Write) -> None:
    write(("A", "hi"))
    answer = export(server, sid, "exe")
    assert (answer.status, answer.json["error"]["code"], answer.json["error"]["field"]) == (
        400,
        "invalid_message",
        "format",
    )


@pytest.mark.django_db(transaction=True)
async def test_exports_are_audited_and_head_only_has_headers(any_server: Web, sid: str, write: Write) -> None:
    write(("A", "hi"))
    head = export(any_server, sid, "csv", method="HEAD")
    assert (head.status, head.text) == (200, "")
    answer = export(any_server, sid, "csv")
    assert {name: head.headers[name] for name in ("Content-Type", "Content-Disposition")} == {
        name: answer.headers[name] for name in ("Content-Type", "Content-Disposition")
    }
    assert [(each.action, each.details) for each in await records(sid, 1)] == [("exported", {"format": "csv"})]


@pytest.mark.django_db(transaction=True)
def test_removed_messages_are_placeholders_in_every_format(server: Web, sid: str) -> None:
    message = post(server, sid, "a secret", role="B").json["id"]
    removing = f"/api/chat/sessions/{sid}/messages/{message}"
    staff = get_user_model().objects.create_user("staff", is_staff=True)
    headers = {"Cookie": cookie_of(staff), "Origin": server.http}
    assert fetch(server, removing, "DELETE", headers).status == 204
    for form in ("json", "csv", "md", "html"):
        text = export(server, sid, form).text
        assert "a secret" not in text
        assert message in text or form in ("md", "html")
    assert "Removed by a moderator" in export(server, sid, "html").text


HOSTILE_CELLS = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", '=HYPERLINK("http://evil","x")']


def test_no_cell_of_csv_is_a_formula(server: Web, sid: str, write: Write) -> None:
    texts = [*HOSTILE_CELLS, 'a, "b"\r\n=1', "안녕"]
    write(*[("A", text) for text in texts])
    answer = export(server, sid, "csv")
    assert answer.text.startswith("\ufeffid,time,event,role,name,text,detail\r\n")
    found = [row["text"] for row in rows(answer)]
    assert found == [*(f"'{text}" for text in HOSTILE_CELLS), *texts[-2:]]
    assert [row["event"] for row in rows(answer)] == ["chat.message"] * len(texts)


def test_what_is_for_people_is_in_the_language_of_the_request(server: Web, sid: str, write: Write) -> None:
    write(("user", "hello"))
    for language, guest in ("ko", "게스트"), ("en", "Guest"):
        html = export(server, sid, "html", language).text
        assert f'<html lang="{language}">' in html
        assert f"<strong>{guest}</strong>" in html
        assert f"**{guest}**" in export(server, sid, "md", language).text


def test_clients_that_do_not_read_hold_neither_a_thread_nor_a_connection(
    any_server: Web, sid: str, write: Write
) -> None:
    write(*[("A", "가" * 8_000)] * 300)
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(begun(any_server, sid)).recv(100)
        assert len(export(any_server, sid).json["events"]) == 300
        assert len(history(any_server, sid).json["messages"]) == 100


def test_a_client_that_leaves_ends_its_export(any_server: Web, sid: str, write: Write) -> None:
    write(*[("A", "가" * 8_000)] * 300)
    for _ in range(5):
        with begun(any_server, sid) as client:
            client.recv(100)
    assert len(export(any_server, sid).json["events"]) == 300
    assert "Traceback" not in any_server.process.output


@pytest.mark.parametrize("server_name", ["uvicorn", "daphne"])
def test_an_export_whose_store_dies_is_cut_off_and_logged_without_a_traceback(
    own_store: processes.Store, own_client: "redis.Redis", sid: str, server_name: str
) -> None:
    write_messages(own_client, sid, *[("A", "가" * 8_000)] * 400)
    with processes.web(server_name, DOQCHAT_REDIS_URL=own_store.url) as web, begun(web, sid) as client:
        answer = http.client.HTTPResponse(client)
        answer.begin()
        own_store.process.kill()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()
        web.process.wait_until(lambda: "unavailable: " in web.process.output)
        assert "Traceback" not in web.process.output


def begun(web: Web, sid: str) -> socket.socket:
    """A connection that has asked for an export."""
    host, _, port = web.address.partition(":")
    client = socket.create_connection((host, int(port)), WITHIN)
    client.sendall(f"GET /api/chat/sessions/{sid}/export HTTP/1.1\r\nHost: {web.address}\r\n\r\n".encode())
    return client
