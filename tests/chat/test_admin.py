"""The admin: the list of sessions, and a session's timeline."""

import asyncio
import re
import time
from datetime import UTC, datetime
from html import unescape

import pytest
import redis
from django.contrib.auth import get_user_model

from chat.models import AuditRecord, ChatSession
from doqchat.store import keys
from tests.chat.admin_pages import SESSIONS, cells, ids
from tests.chat.archived import archive
from tests.chat.conftest import Admin, Write, cookie_of
from tests.chat.fetch import fetch, post
from tests.chat.staff import Staff
from tests.conftest import Connect
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)  # what a web process reads has to be committed


def link(page: str, text: str) -> str | None:
    """Where the link with this text goes."""
    found = re.search(rf'<a href="([^"]*)">{text}</a>', page)
    return found and found[1]


async def test_the_list_shows_the_activity_of_a_session(
    server: Web, connect: Connect, store: "redis.Redis", admin: Admin, sid: str
) -> None:
    a = await connect(server, sid, v1=True, role="A")
    b = await connect(server, sid, v1=True, role="B")
    for text in ("one", "two", "three"):
        await a.say(text)
    while (await b.recv_event("chat.message"))["bd"]["text"] != "three":
        pass
    store.sadd(keys.replies(sid), "r1-0")
    page = admin(server, f"{SESSIONS}?q={sid}")
    assert page.status == 200
    shown = cells(page.text, sid)
    assert (shown["message_count"], shown["members_online"], shown["replies_under_way"]) == ("3", "A 1 · B 1", "1")


async def test_a_session_is_listed_though_its_only_member_left_at_once(
    any_server: Web, connect: Connect, admin: Admin, sid: str
) -> None:
    client = await connect(any_server, sid)
    await client.close()
    page = await asyncio.to_thread(admin, any_server, f"{SESSIONS}?q={sid}")
    assert cells(page.text, sid)["message_count"] == "0"


def test_a_session_is_listed_though_nothing_but_its_settings_was_set(any_server: Web, admin: Admin, sid: str) -> None:
    changes = b'{"policy": "always"}'
    headers = {"Content-Type": "application/json"}
    assert fetch(any_server, f"/api/chat/sessions/{sid}", "PATCH", headers, changes).status == 200
    assert cells(admin(any_server, f"{SESSIONS}?q={sid}").text, sid)["message_count"] == "0"


def test_the_list_follows_the_last_activity_of_a_session_without_sockets(
    any_server: Web, write: Write, admin: Admin, sid: str
) -> None:
    write(("A", "x"), ids=["1700641234567-0"])
    for _ in range(2):
        before = datetime.now(UTC)
        assert post(any_server, sid, "said over HTTP").status == 201
        admin(any_server, SESSIONS)
        listed = ChatSession.objects.get(sid=sid)
        assert listed.created_at.timestamp() == 1700641234.567
        assert before <= listed.last_activity <= datetime.now(UTC)


def test_activity_that_was_noted_late_is_listed(
    server: Web, store: "redis.Redis", row: ChatSession, admin: Admin
) -> None:
    now = time.time()
    store.zadd(keys.SESSIONS, {row.sid: now})
    admin(server, SESSIONS)
    store.zadd(keys.SESSIONS, {f"{row.sid}-late": now - 10})
    admin(server, SESSIONS)
    assert ChatSession.objects.filter(sid=f"{row.sid}-late").exists()


def test_a_search_finds_a_session_by_its_name(server: Web, admin: Admin, sid: str, row: ChatSession) -> None:
    assert f">{sid}<" in admin(server, f"{SESSIONS}?q={sid[5:20]}").text
    assert f">{sid}<" not in admin(server, f"{SESSIONS}?q=another").text


@pytest.mark.slow
def test_an_unreachable_store_is_reported_in_the_columns(
    stranded_server: Web, admin: Admin, sid: str, row: ChatSession
) -> None:
    page = admin(stranded_server, f"{SESSIONS}?q={sid}")
    assert page.status == 200
    assert "The store does not respond." in page.text
    shown = cells(page.text, sid)
    assert {shown[name] for name in ("message_count", "members_online", "replies_under_way")} == {"store unreachable"}


def test_an_unreachable_store_is_reported_in_a_timeline(stranded_server: Web, admin: Admin, row: ChatSession) -> None:
    page = admin(stranded_server, f"{SESSIONS}{row.pk}/change/")
    assert page.status == 200
    assert "The store does not respond." in page.text


def test_a_timeline_shows_each_event_newest_first(server: Web, admin: Admin, write: Write, row: ChatSession) -> None:
    written = write(("A", "처음"), ("B", "다음"), ids=["1700641234567-0", "1700641235567-0"])
    written += write(("llm", "답"), event="llm.response", ids=["1700641236567-0"])
    page = admin(server, f"{SESSIONS}{row.pk}/change/").text
    assert ids(page) == written[::-1]
    newest = re.sub(r"<[^>]*>|\s+", " ", page[page.index("<tr data-key") : page.index(f'"{written[-2]}"')]).split()
    assert newest[:6] == ["1700641236567-0", "2023-11-22", "17:20:36", "llm", "llm.response", "답"]
    assert newest[6:8] == ["+1.000", "s"], "after the event before it"


def test_a_timeline_has_what_is_stored_of_a_reply_and_the_audit_records_between(
    server: Web, admin: Admin, row: ChatSession
) -> None:
    usage = {"input_tokens": 12, "output_tokens": 3}
    answer = {"request_id": "1700641234567-0", "text": "답", "model": "m-1", "finish_reason": "stop", "usage": usage}
    written = archive(row.sid, ("llm.request", {"prompt": "?"}), ("llm.response", answer), ("llm.response", answer))
    at = datetime.fromtimestamp(1700641235, UTC)
    record = AuditRecord.objects.create(sid=row.sid, action="muted", detail='{"role": "B"}', name="Sora", at=at)
    page = re.sub(r"\s+", " ", admin(server, f"{SESSIONS}{row.pk}/change/").text)
    assert "1.000 s after the request 1700641234567-0 · model: m-1 · finish_reason: stop · 12 tokens in, 3 out" in page
    keys_in_order = re.findall(r'<tr data-key="([^"]*)"', page)
    assert keys_in_order == [written[2], written[1], str(record.pk), written[0]]
    assert f"/admin/doqchat/auditrecord/{record.pk}/change/" in page
    assert f"actions/remove/?id={written[1]}" in page


def test_a_timeline_shows_active_replies_with_their_attempts(
    server: Web, store: "redis.Redis", admin: Admin, write: Write, row: ChatSession
) -> None:
    (request,) = write(("A", "x"), event="llm.request")
    store.sadd(keys.replies(row.sid), f"r{request}")
    store.hset(keys.reply(row.sid, f"r{request}"), mapping={"attempt": 2, "state": "streaming", "deliveries": 2})
    store.set(keys.reply(row.sid, f"r{request}") + ":text", "so far")
    page = admin(server, f"{SESSIONS}{row.pk}/change/").text
    assert re.search(
        rf"r{request}</code> streaming · [\d.]+ s since the request · attempt 2 · deliveries: 2 · 6 char", page
    )


def test_audit_records_are_only_for_those_who_may_see_them(server: Web, row: ChatSession) -> None:
    archive(row.sid, ("chat.message", {"text": "x"}))
    AuditRecord.objects.create(sid=row.sid, action="joined", name="Hyejin")
    assert "Hyejin" not in Staff(server).get(f"{SESSIONS}{row.pk}/change/").text


@pytest.mark.parametrize(
    "bd", ["null", "[]", '{"usage": 5, "request_id": {}, "model": 7}', '{"usage": {"input_tokens": "x"}}']
)
def test_a_reply_that_another_program_wrote_is_on_the_timeline(
    server: Web, store: "redis.Redis", admin: Admin, row: ChatSession, bd: str
) -> None:
    body = f'{{"hd": {{"event": "llm.response"}}, "bd": {bd}}}'
    store.xadd(keys.stream(row.sid), {"participant": "llm", "body": body})
    page = admin(server, f"{SESSIONS}{row.pk}/change/")
    assert (page.status, "llm.response" in page.text) == (200, True)


def test_pages_of_a_timeline_go_back_by_id(server: Web, admin: Admin, write: Write, row: ChatSession) -> None:
    written = write(*[("A", "x")] * 60)
    address = f"{SESSIONS}{row.pk}/change/"
    first = admin(server, address).text
    write(("A", "said meanwhile"))
    second = admin(server, address + unescape(link(first, "Older") or "")).text
    assert ids(first) + ids(second) == written[::-1]
    assert (link(first, "Newest"), link(second, "Older"), link(second, "Newest")) == (None, None, "?")


@pytest.mark.parametrize("before", ["0", "nonsense", "", "1-0"])
def test_a_page_before_nothing_is_empty_or_the_newest(
    server: Web, admin: Admin, write: Write, row: ChatSession, before: str
) -> None:
    written = write(("A", "x"))
    page = admin(server, f"{SESSIONS}{row.pk}/change/?before={before}")
    assert page.status == 200
    assert ids(page.text) == ([] if before in ("0", "1-0") else written)


def test_what_people_write_is_text_on_a_timeline(
    server: Web, store: "redis.Redis", admin: Admin, write: Write, row: ChatSession
) -> None:
    write(("A", "<script>alert(1)</script>"))
    store.xadd(keys.stream(row.sid), {"participant": "<i>", "body": "<b>no envelope"})
    page = admin(server, f"{SESSIONS}{row.pk}/change/").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;no envelope" in page
    assert "&lt;i&gt;" in page
    assert "<script>" not in page


@pytest.mark.parametrize("path", ["add/", "{pk}/delete/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_added_or_deleted_by_hand(
    server: Web, admin: Admin, row: ChatSession, path: str, method: str
) -> None:
    assert admin(server, SESSIONS + path.format(pk=row.pk), method).status == 403


def test_a_session_that_is_not_listed_has_no_page(server: Web, admin: Admin) -> None:
    assert admin(server, f"{SESSIONS}987654321/change/").status == 404
    assert admin(server, f"{SESSIONS}nonsense/change/").status == 404


def test_a_member_of_the_staff_needs_permission(server: Web, row: ChatSession) -> None:
    headers = {"Cookie": cookie_of(get_user_model().objects.create_user("staff", is_staff=True))}
    for path in (SESSIONS, f"{SESSIONS}{row.pk}/change/"):
        assert fetch(server, path, headers=headers).status == 403
