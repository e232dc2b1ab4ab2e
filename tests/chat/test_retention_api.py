"""Retention and erasure over HTTP: who may, what is refused, and what legal hold protects."""

import json
from typing import Any

import pytest

from chat.audit import Action, Actor, row_of
from chat.models import ApiKey, AuditRecord, Invite, digest_of
from doqchat.archive.models import ArchivedSession
from tests.access.credentials import token
from tests.chat.archived import archive
from tests.chat.fetch import Answer, fetch, history
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)

SAID = ("chat.message", {"text": "said"})
SECRETS = {"retention": "dqk_" + "r" * 43, "sessions": "dqk_" + "s" * 43}


@pytest.fixture(autouse=True)
def _keys(transactional_db: None) -> None:
    for scope, secret in SECRETS.items():
        ApiKey.objects.create(name=scope, scopes=scope, digest=digest_of(secret))


def call(web: Web, method: str, path: str, body: Any, scope: str | None = "retention") -> Answer:
    headers = {"Content-Type": "application/json"}
    if scope is not None:
        headers["Authorization"] = f"Bearer {SECRETS[scope]}"
    return fetch(web, f"/api/chat/{path}", method, headers, json.dumps(body).encode())


def kept(sid: str) -> tuple[int | None, bool]:
    session = ArchivedSession.objects.get(sid=sid)
    return session.retention_days, session.hold


def test_what_is_omitted_stays_as_it_is(any_server: Web, sid: str) -> None:
    archive(sid, SAID)
    for body, now in [
        ({"hold": True}, (None, True)),
        ({"days": 30}, (30, True)),
        ({}, (30, True)),
        ({"hold": False}, (30, False)),
        ({"days": None}, (None, False)),
    ]:
        assert call(any_server, "PUT", f"sessions/{sid}/retention", body).status == 204
        assert kept(sid) == now
        assert call(any_server, "GET", f"sessions/{sid}/retention", None).json == {"days": now[0], "hold": now[1]}
    recorded = [(record.action, record.details) for record in AuditRecord.objects.filter(sid=sid).order_by("pk")]
    assert recorded == [("held", {}), ("retained", {"days": 30}), ("released", {}), ("retained", {})]
    said, *notices = history(any_server, sid).json["messages"]
    assert said["bd"] == SAID[1]
    assert [notice["bd"]["code"] for notice in notices] == ["held", "released"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"days": 0}, "days"),
        ({"days": "30"}, "days"),
        ({"days": 36_501}, "days"),
        ({"hold": None}, "hold"),
        ({"x": 1}, "x"),
    ],
)
def test_what_is_not_a_retention_is_refused_by_name(server: Web, sid: str, body: Any, field: str) -> None:
    archive(sid, SAID)
    answer = call(server, "PUT", f"sessions/{sid}/retention", body)
    assert (answer.status, answer.json["error"]["field"]) == (400, field)
    assert kept(sid) == (None, False)


def test_a_session_that_does_not_exist_is_not_kept(server: Web, sid: str) -> None:
    for method, body in (("GET", None), ("PUT", {"hold": True})):
        answer = call(server, method, f"sessions/{sid}/retention", body)
        assert (answer.status, answer.json["error"]["code"]) == (404, "not_found")


def test_others_neither_keep_nor_erase(server: Web, sid: str) -> None:
    archive(sid, SAID)
    for scope, status in (("sessions", 403), (None, 401)):
        assert call(server, "PUT", f"sessions/{sid}/retention", {"hold": True}, scope).status == status
        assert call(server, "GET", f"sessions/{sid}/retention", None, scope).status == status
        assert call(server, "POST", "erasures", {"sid": sid}, scope).status == status
    answer = fetch(server, f"/api/chat/sessions/{sid}/retention", headers={"Authorization": f"Bearer {token(sid)}"})
    assert (answer.status, answer.json["error"]["code"]) == (401, "unauthenticated")
    assert "API key with the scope retention" in answer.json["error"]["message"]
    assert kept(sid) == (None, False)
    assert not AuditRecord.objects.filter(sid=sid).exists()


@pytest.mark.parametrize(
    "body", [{}, {"sid": "a", "sub": "b"}, {"sub": ""}, {"sid": "not a name"}, {"sid": "a", "replies": True}]
)
def test_what_is_not_an_erasure_is_refused(server: Web, body: Any) -> None:
    answer = call(server, "POST", "erasures", body)
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_message")


def test_an_erasure_of_a_person_leaves_the_records_of_sessions_on_hold(server: Web, sid: str) -> None:
    other, person = f"{sid[:50]}-other", f"{sid}-person"
    for each in (sid, other):
        archive(each, SAID)
        by = Actor(person, "A", "Minji", "192.0.2.1")
        row_of(Action.JOINED, each, by, {}).save()
        row_of(Action.REJECTED, each, by, {"filter": "words"}).save()
    ArchivedSession.objects.filter(sid=other).update(hold=True)
    assert call(server, "POST", "erasures", {"sub": person}).status == 200
    rows = AuditRecord.objects.order_by("pk").values_list("sid", "action", "subject", "name", "address")
    assert list(rows) == [
        (sid, "joined", "", "", ""),
        (other, "joined", person, "Minji", "192.0.2.1"),
        (other, "rejected", person, "Minji", "192.0.2.1"),
    ]


def test_an_erased_member_of_an_invite_has_no_name_in_the_audit_trail(server: Web, sid: str) -> None:
    erased, other = (Invite.objects.create(sid=sid, role="A", name=name, digest=name) for name in ("Minji", "Jun"))
    described = [{"id": each.pk, "role": "A", "name": each.name} for each in (erased, other)]
    row_of(Action.CREATED, sid, Actor("key:backend"), {"invites": described}).save()
    assert call(server, "POST", "erasures", {"sub": erased.subject}).status == 200
    assert list(Invite.objects.order_by("pk").values_list("name", flat=True)) == ["", "Jun"]
    (record,) = AuditRecord.objects.filter(sid=sid, action="created")
    assert [each["name"] for each in record.details["invites"]] == [None, "Jun"]


def test_a_removal_is_refused_while_the_session_is_on_hold(server: Web, sid: str) -> None:
    (said,) = archive(sid, SAID)
    ArchivedSession.objects.filter(sid=sid).update(hold=True)
    answer = call(server, "DELETE", f"sessions/{sid}/messages/{said}", None, "sessions")
    assert (answer.status, answer.json["error"]["code"]) == (409, "conflict")
    ArchivedSession.objects.filter(sid=sid).update(hold=False)
    assert call(server, "DELETE", f"sessions/{sid}/messages/{said}", None, "sessions").status == 204
