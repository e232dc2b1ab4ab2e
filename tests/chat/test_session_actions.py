"""What administrators do to sessions: each action is confirmed, performed, visible to clients and recorded."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import redis

from chat.admin.session_actions import ACTIONS
from chat.models import AuditRecord, ChatSession, Invite
from doqchat.archive.models import ArchivedSession
from doqchat.store import keys
from tests import processes
from tests.access.credentials import SHARED
from tests.chat.admin_pages import SESSIONS
from tests.chat.archived import archive, leave
from tests.chat.conftest import Write
from tests.chat.fetch import history
from tests.chat.staff import Staff, path_of
from tests.conftest import Connect
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)

SAID = ("chat.message", {"text": "said"})
MODERATE, ERASE = "moderate_chatsession", "erase_chatsession"


@pytest.fixture(scope="module")
def guarded(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site that requires tokens."""
    with processes.web(DOQCHAT_ACCESS="token", DOQCHAT_TOKEN_KEY=SHARED) as web:
        yield web


def recorded(sid: str) -> list[tuple[str, Mapping[str, Any]]]:
    """What the audit trail says of a session, oldest first."""
    return [(record.action, record.details) for record in AuditRecord.objects.filter(sid=sid).order_by("pk")]


def events(web: Web, sid: str) -> list[dict[str, Any]]:
    return list(history(web, sid).json["messages"])


def test_an_action_asks_first_and_a_foreign_form_does_nothing(server: Web, write: Write, row: ChatSession) -> None:
    staff = Staff(server, MODERATE, ERASE)
    write(("A", "x"))
    for name, action in ACTIONS.items():
        page = staff.get(path_of(row, name))
        assert page.status == 200
        assert f"{action.effect}" in page.text
    assert staff.post(path_of(row, "close")).status == 200, "without a confirmation it asks"
    assert staff.post(path_of(row, "close"), token="y" * 32, confirmed="yes").status == 403
    assert [event["hd"]["event"] for event in events(server, row.sid)] == ["chat.message"]
    assert recorded(row.sid) == []
    assert staff.get(path_of(row, "nonsense")).status == 404


def test_only_permitted_actions_are_offered_and_others_get_403(server: Web, row: ChatSession) -> None:
    staff = Staff(server, MODERATE)
    page, listing = staff.get(f"{SESSIONS}{row.pk}/change/").text, staff.get(SESSIONS).text
    for name, action in ACTIONS.items():
        permitted = action.permission == "moderate"
        assert (path_of(row, name) in page) is permitted
        assert (f'<option value="{name}">' in listing) is (permitted and action.several)
        assert staff.get(path_of(row, name)).status == (200 if permitted else 403)
        if not permitted:
            assert staff.act(row, name).status == 403
            assert staff.post(SESSIONS, action=name, _selected_action=[row.pk], confirmed="yes").status == 403
    assert recorded(row.sid) == []


async def test_members_see_a_notice_with_the_name_of_who_sent_it(
    server: Web, connect: Connect, row: ChatSession
) -> None:
    staff = await asyncio.to_thread(Staff, server, MODERATE)
    member = await connect(server, row.sid, role="A")
    assert "done." in (await asyncio.to_thread(staff.act, row, "notice", text="Back at 10:00.")).text
    notice = await member.recv_event("session.notice")
    assert (notice["hd"]["name"], notice["hd"]["role"]) == ("Sora", "llm")
    assert notice["bd"] == {"code": "admin", "text": "Back at 10:00."}
    (record,) = [each async for each in AuditRecord.objects.filter(sid=row.sid, action="noticed")]
    assert (record.subject, record.details) == (staff.subject, {"id": notice["hd"]["id"]})


async def test_taking_over_switches_the_model_off(server: Web, connect: Connect, row: ChatSession) -> None:
    staff = await asyncio.to_thread(Staff, server, MODERATE)
    member = await connect(server, row.sid, v1=True, role="A")
    await asyncio.to_thread(staff.act, row, "take-over")
    settings = await member.recv_event("session.settings")
    assert (settings["bd"], settings["hd"]["role"], settings["hd"]["name"]) == ({"policy": "off"}, "observer", "Sora")


def test_active_replies_are_cancelled(server: Web, store: "redis.Redis", write: Write, row: ChatSession) -> None:
    staff = Staff(server, MODERATE)
    (request,) = write(("A", "x"), event="llm.request")
    own = keys.own(row.sid)
    store.sadd(keys.replies(row.sid), f"r{request}")
    store.set(own + "current", f"r{request}")
    store.hset(own + f"reply:r{request}", mapping={"llm": "none", "role": "A", "auto": 0})
    assert "done." in staff.act(row, "cancel").text
    assert "nothing had to be changed" in staff.act(row, "cancel").text
    assert events(server, row.sid)[-1]["bd"]["finish_reason"] == "cancelled"
    assert recorded(row.sid) == [("cancelled", {"id": request})]


def test_a_message_is_removed_a_role_muted_and_unmuted(server: Web, write: Write, row: ChatSession) -> None:
    staff = Staff(server, MODERATE)
    (said,) = write(("A", "secret"))
    assert "not an event id" in staff.act(row, "remove", id="nonsense").text
    assert "no message or reply with this id" in staff.act(row, "remove", id="1-1").text
    staff.act(row, "remove", id=said, reason="private")
    staff.act(row, "mute", role="A", minutes=2, reason="pause")
    staff.act(row, "unmute", role="A")
    assert "nothing had to be changed" in staff.act(row, "unmute", role="A").text
    removed, *reports = events(server, row.sid)
    assert (removed["hd"]["removed"], removed["bd"]["text"]) == (True, "")
    assert [report["bd"].get("code") for report in reports] == [None, "muted", "unmuted"]
    assert recorded(row.sid) == [
        ("removed", {"id": said, "reason": "private"}),
        ("muted", {"role": "A", "seconds": 120, "reason": "pause"}),
        ("unmuted", {"role": "A"}),
    ]


@pytest.mark.parametrize("fields", [{"minutes": "0"}, {"minutes": "-5"}, {"role": "llm"}, {"reason": "a\nb"}])
def test_what_is_not_valid_is_said_next_to_the_field_and_nothing_happens(
    server: Web, row: ChatSession, fields: dict[str, str]
) -> None:
    page = Staff(server, MODERATE).act(row, "mute", **{"role": "A", **fields})
    assert page.status == 200
    assert "errorlist" in page.text
    assert recorded(row.sid) == []


def test_a_session_that_has_left_the_store_is_closed_and_reopened(server: Web, row: ChatSession) -> None:
    staff = Staff(server, MODERATE)
    archive(row.sid, SAID)
    leave(row.sid, title="t")
    staff.act(row, "close", reason="over")
    staff.act(row, "reopen")
    reports = [(event["hd"]["event"], event["bd"].get("reason")) for event in events(server, row.sid)]
    assert reports == [("chat.message", None), ("session.closed", "over"), ("session.notice", None)]
    assert recorded(row.sid) == [("closed", {"reason": "over"}), ("reopened", {})]


@pytest.mark.slow
def test_legal_hold_prevents_an_erasure_until_it_ends(server: Web, write: Write, row: ChatSession) -> None:
    staff = Staff(server, MODERATE, ERASE)
    (said,) = archive(row.sid, SAID)
    ChatSession.objects.filter(pk=row.pk).update(title="secret title")
    staff.act(row, "hold")
    assert "nothing had to be changed" in staff.act(row, "hold").text
    assert "legal hold" in staff.get(f"{SESSIONS}{row.pk}/change/").text
    assert "nothing of it is erased" in staff.act(row, "erase").text
    assert "nothing of it is removed" in staff.act(row, "remove", id=said).text
    assert events(server, row.sid)[0]["bd"]["text"] == "said"
    staff.act(row, "release")
    assert "done." in staff.act(row, "erase").text
    assert events(server, row.sid)[0]["bd"]["text"] == ""
    assert ChatSession.objects.get(pk=row.pk).title == ""
    assert [action for action, _ in recorded(row.sid)] == ["held", "released", "erased"]


def test_a_closed_session_is_erased_and_keeps_no_copy_of_its_settings(server: Web, row: ChatSession) -> None:
    staff = Staff(server, MODERATE, ERASE)
    archive(row.sid, SAID)
    leave(row.sid, title="secret title", closed="0")
    assert "done." in staff.act(row, "erase").text
    assert [action for action, _ in recorded(row.sid)] == ["erased"]
    assert "secret" not in ArchivedSession.objects.get(sid=row.sid).state


def test_why_an_action_has_failed_is_said_in_the_language_of_the_browser(server: Web, row: ChatSession) -> None:
    staff = Staff(server, MODERATE, ERASE)
    staff.language = "ko"
    assert "이 이름의 세션이 없습니다." in staff.act(row, "erase").text
    assert "아직 대화가 없습니다." in staff.act(row, "hold").text
    (said,) = archive(row.sid, SAID)
    assert "이 id의 메시지나 답변이 세션에 없습니다." in staff.act(row, "remove", id="1-1").text
    assert "취소할 권한이 없습니다." in staff.act(row, "revoke").text
    staff.act(row, "close")
    assert "종료된 세션입니다." in staff.act(row, "notice", text="x").text
    staff.act(row, "hold")
    assert "아무것도 지우지 않았습니다." in staff.act(row, "erase").text
    assert "메시지를 삭제하지 않았습니다." in staff.act(row, "remove", id=said).text


def test_access_is_not_revoked_where_everybody_has_it(server: Web, row: ChatSession) -> None:
    assert "there is nothing to revoke" in Staff(server, MODERATE).act(row, "revoke").text


def test_all_tokens_and_invites_of_a_session_are_revoked(guarded: Web, store: "redis.Redis", row: ChatSession) -> None:
    for number, sid in enumerate((row.sid, f"{row.sid[:50]}-other")):
        Invite.objects.create(sid=sid, role="A", digest=f"{number}")
    assert "done." in Staff(guarded, MODERATE).act(row, "revoke").text
    assert "all" in store.hgetall(keys.revoked(row.sid))
    assert set(Invite.objects.exclude(revoked_at=None).values_list("sid", flat=True)) == {row.sid}
    assert recorded(row.sid) == [("revoked", {"what": "all"})]


@pytest.mark.slow
def test_several_sessions_are_erased_except_those_on_hold(server: Web, row: ChatSession) -> None:
    rows = [row]
    for number in range(2):
        sid = f"{row.sid[:50]}-{number}"
        rows.append(ChatSession.objects.create(sid=sid, created_at=row.created_at, last_activity=row.last_activity))
    for each in rows:
        archive(each.sid, SAID)
    ArchivedSession.objects.filter(sid=row.sid).update(hold=True)
    page = Staff(server, ERASE).post(
        SESSIONS, action="erase", _selected_action=[each.pk for each in rows], confirmed="yes"
    )
    assert "2 sessions changed" in page.text
    assert f"nothing of it is erased. ({row.sid})" in page.text
    assert [events(server, each.sid)[0]["bd"]["text"] for each in rows] == ["said", "", ""]


def test_several_sessions_are_closed_after_one_confirmation(server: Web, row: ChatSession) -> None:
    staff = Staff(server, MODERATE)
    other = ChatSession.objects.create(
        sid=f"{row.sid[:50]}-other", created_at=row.created_at, last_activity=row.last_activity
    )
    chosen = {"action": "close", "_selected_action": [row.pk, other.pk]}
    page = staff.post(SESSIONS, **chosen, index="0").text
    assert row.sid in page
    assert other.sid in page
    assert recorded(row.sid) == []
    assert "2 sessions changed" in staff.post(SESSIONS, **chosen, confirmed="yes", reason="over").text
    for sid in (row.sid, other.sid):
        assert recorded(sid) == [("closed", {"reason": "over"})]


def test_an_export_needs_its_permission_and_a_confirmation_and_is_recorded(
    server: Web, write: Write, row: ChatSession
) -> None:
    staff = Staff(server, "export_chatsession")
    path = f"{SESSIONS}{row.pk}/export/"
    assert "There is nothing to download yet." in staff.post(f"{path}json/", confirmed="yes").text
    assert recorded(row.sid) == []
    write(("A", "to export"))
    assert f"{path}csv/" in staff.get(f"{SESSIONS}{row.pk}/change/").text
    assert "everything that was said" in staff.get(f"{path}csv/").text
    assert recorded(row.sid) == []
    assert "to export" in staff.post(f"{path}csv/", confirmed="yes").text
    assert recorded(row.sid) == [("exported", {"format": "csv"})]
    assert staff.get(f"{path}pdf/").status == 404


async def test_members_see_a_legal_hold_and_an_export_with_the_name_of_the_administrator(
    server: Web, connect: Connect, row: ChatSession
) -> None:
    staff = await asyncio.to_thread(Staff, server, ERASE, "export_chatsession")
    await asyncio.to_thread(archive, row.sid, SAID)
    await asyncio.to_thread(leave, row.sid)
    member = await connect(server, row.sid, role="A")
    await asyncio.to_thread(staff.act, row, "hold")
    await asyncio.to_thread(staff.act, row, "hold")
    await asyncio.to_thread(staff.post, f"{SESSIONS}{row.pk}/export/csv/", confirmed="yes")
    await asyncio.to_thread(staff.act, row, "release")
    notices = [await member.recv_event("session.notice") for _ in range(3)]
    assert [notice["bd"]["code"] for notice in notices] == ["held", "exported", "released"]
    assert {notice["hd"]["name"] for notice in notices} == {"Sora"}


def test_a_closed_session_is_held_and_says_so_in_its_history(server: Web, row: ChatSession) -> None:
    staff = Staff(server, MODERATE, ERASE)
    archive(row.sid, SAID)
    staff.act(row, "close")
    assert "done." in staff.act(row, "hold").text
    assert events(server, row.sid)[-1]["bd"]["code"] == "held"


def test_others_do_not_export(server: Web, write: Write, row: ChatSession) -> None:
    staff = Staff(server, MODERATE, ERASE)
    write(("A", "secret"))
    assert f"{SESSIONS}{row.pk}/export/" not in staff.get(f"{SESSIONS}{row.pk}/change/").text
    assert staff.get(f"{SESSIONS}{row.pk}/export/json/").status == 403
    assert staff.post(f"{SESSIONS}{row.pk}/export/json/", confirmed="yes").status == 403
