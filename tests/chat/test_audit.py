"""The audit trail: batches of records, its retention, and its page in the admin."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat.audit import Action, Actor, record
from chat.audit_batches import MOST_IN_BATCH, AuditBatches
from chat.models import AuditRecord
from doqchat.access.principal import Principal, open_access
from doqchat.archive.models import ArchivedSession
from doqchat.errors import Forbidden, RateLimited
from tests.chat.audited import records
from tests.chat.conftest import Admin
from tests.conftest import Connect
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)
MINJI = Principal("room", "A", frozenset(), "Minji", subject="u-1", address="192.0.2.1")


async def stored(*batches: AuditBatches) -> list[AuditRecord]:
    """All records after batches are written."""
    for batch in batches:
        await batch.close()
    return [each async for each in AuditRecord.objects.order_by("pk")]


async def test_a_join_and_a_refusal_are_recorded_with_who_it_was() -> None:
    batch = AuditBatches()
    batch.joined(MINJI)
    batch.refused(MINJI, Forbidden("Your access to this session was revoked."))
    joined, refused = await stored(batch)
    assert (joined.action, joined.sid, joined.subject, joined.role, joined.name, joined.address) == (
        "joined", "room", "u-1", "A", "Minji", "192.0.2.1"
    )  # fmt: skip
    assert (refused.action, refused.details) == ("refused", {"code": "forbidden"})


async def test_a_refused_client_without_a_credential_leaves_no_record() -> None:
    batch = AuditBatches()
    batch.refused(open_access("room"), Forbidden("no"))
    assert await stored(batch) == []


async def test_a_limit_that_is_hit_often_is_recorded_once_a_minute_for_each_person() -> None:
    batch = AuditBatches()
    for who in (MINJI, open_access("room"), MINJI):
        batch.limited(who, RateLimited("Rate limit exceeded; retry in 1 s.", retry_after=1))
        batch.limited(who, Forbidden("no"))
    assert [(each.name, each.details) for each in await stored(batch)] == [
        ("Minji", {"code": "rate_limited"}),
        ("", {"code": "rate_limited"}),
    ]


async def test_messages_beyond_a_limit_are_recorded(server: Web, connect: Connect, sid: str) -> None:
    client = await connect(server, sid, v1=True, role="A")
    for _ in range(60):
        await client.send("chat.typing", {"active": True}, role="A")
    assert (await client.recv_event("error"))["bd"]["code"] == "rate_limited"
    (refused,) = await records(sid, 1, action="refused")
    assert refused.details == {"code": "rate_limited"}


async def test_equal_records_of_a_batch_are_one_with_their_number() -> None:
    batch = AuditBatches()
    for _ in range(3):
        batch.joined(MINJI)
    (joined,) = await stored(batch)
    assert joined.details == {"count": 3}


async def test_a_flood_of_records_is_limited_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    batch = AuditBatches()
    for number in range(MOST_IN_BATCH + 5):
        batch.joined(open_access(f"room{number}"))
    assert len(await stored(batch)) == MOST_IN_BATCH
    assert "5 records are not in the audit trail" in caplog.text


async def test_old_records_are_deleted_except_of_sessions_on_hold(settings: Any) -> None:
    await ArchivedSession.objects.acreate(sid="32", hold=True)
    settings.DOQCHAT = {**settings.DOQCHAT, "AUDIT_DAYS": 30}
    for days in (29, 31, 32):
        at = timezone.now() - timedelta(days=days)
        await AuditRecord.objects.acreate(sid=f"{days}", action=Action.JOINED, at=at)
    batch = AuditBatches()
    batch.joined(MINJI)
    assert [each.sid for each in await stored(batch)] == ["29", "32", "room"]


async def test_the_log_has_the_record_of_an_action_that_the_database_does_not_take(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AuditRecord._meta, "db_table", "missing")
    with caplog.at_level(logging.ERROR):
        await record(Action.CLOSED, "room", Actor.of(MINJI), reason="done")
    assert "closed" in caplog.text
    assert "u-1" in caplog.text


async def test_the_admin_shows_who_joined_and_nothing_can_be_changed(
    server: Web, connect: Connect, admin: Admin, sid: str
) -> None:
    client = await connect(server, sid, role="A")
    (joined,) = await records(sid, 1)
    await client.connection.close()
    (left,) = await records(sid, 1, action="left")
    assert (left.role, left.address) == (joined.role, joined.address)
    page = admin(server, f"/admin/doqchat/auditrecord/?q={sid}")
    assert (page.status, ">joined<" in page.text, sid in page.text) == (200, True, True)
    assert "auditrecord/add" not in page.text
    detail = admin(server, f"/admin/doqchat/auditrecord/{joined.pk}/change/")
    assert (detail.status, 'name="_save"' in detail.text) == (200, False)
