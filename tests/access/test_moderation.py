"""Moderation over HTTP: its effect on members of every process, on what is read later, and on the audit trail."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
import redis
from django.contrib.auth import get_user_model

from tests.access.credentials import token
from tests.access.operations import HISTORY, MESSAGES, SESSION, calling_with, connecting, opened, refused, sending
from tests.chat.audited import records
from tests.chat.conftest import cookie_of
from tests.chat.fetch import Answer
from tests.client import Client, Frame
from tests.processes import Web

WITHIN_SECONDS = 2.0
SECRET = "my number is 010-1234-5678"


def moderator(sid: str, **claims: Any) -> dict[str, str]:
    presented = token(sid, "observer", sub="mod", name="Sora", can=["read", "moderate"], **claims)
    return {"Authorization": f"Bearer {presented}"}


async def call(
    web: Web, sid: str, method: str, path: str, body: Any = None, by: Mapping[str, str] | None = None
) -> Answer:
    return await asyncio.to_thread(calling_with, web, sid, by or moderator(sid), method, path, body)


async def said(client: Client, text: str) -> Frame:
    """A message of the client, as it is stored."""
    await client.send("chat.message", {"text": text})
    return await client.recv_event("chat.message")


async def received(clients: list[Client], event: str) -> list[Frame]:
    async with asyncio.timeout(WITHIN_SECONDS):
        return [await client.recv_event(event) for client in clients]


async def test_a_removed_message_disappears_for_members_history_and_search(
    guarded: Web, guarded_daphne: Web, guarded_client: "redis.Redis", sid: str
) -> None:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(opened(guarded, sid, token(sid))),
            await stack.enter_async_context(opened(guarded_daphne, sid, token(sid, "B"))),
            await stack.enter_async_context(opened(guarded_daphne, sid, token(sid, "user"), v1=False)),
        ]
        message = await said(clients[0], SECRET)
        removed_id = message["hd"]["id"]
        path = f"{MESSAGES}/{removed_id}?reason=private"
        assert [(await call(guarded, sid, "DELETE", path)).status for _ in range(2)] == [204, 204]
        reports = await received(clients, "message.removed")
        assert {(frame["bd"]["id"], frame["bd"]["reason"], frame["hd"]["name"]) for frame in reports} == {
            (removed_id, "private", "Sora")
        }
        assert {frame["hd"]["prev"] for frame in reports} == {removed_id}
    history = (await call(guarded, sid, "GET", HISTORY)).json["messages"]
    assert [(each["hd"]["id"], each["hd"].get("removed"), each["bd"].get("text")) for each in history] == [
        (removed_id, True, ""),
        (reports[0]["hd"]["id"], None, None),
    ]
    assert (await call(guarded, sid, "GET", f"{HISTORY}?q=number")).json["messages"] == []
    async with opened(guarded, sid, token(sid), query="&since=0") as client:
        assert (await client.recv_event("chat.message"))["bd"] == {"text": ""}
    assert not any(b"010-1234" in (guarded_client.dump(key) or b"") for key in guarded_client.scan_iter(f"*{sid}*"))


@pytest.mark.parametrize("event_id", ["1-1", "99999999999999-0"])
async def test_only_messages_that_exist_are_removed(guarded: Web, sid: str, event_id: str) -> None:
    answer = await call(guarded, sid, "DELETE", f"{MESSAGES}/{event_id}")
    assert (answer.status, answer.json["error"]["code"]) == (404, "not_found")


async def test_a_report_of_a_removal_is_not_removed(guarded: Web, sid: str) -> None:
    async with opened(guarded, sid, token(sid)) as client:
        first = await said(client, "hi")
        await call(guarded, sid, "DELETE", f"{MESSAGES}/{first['hd']['id']}")
        report = await client.recv_event("message.removed")
    assert (await call(guarded, sid, "DELETE", f"{MESSAGES}/{report['hd']['id']}")).status == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", f"{MESSAGES}/x", None),
        ("DELETE", f"{MESSAGES}/1-1?reason={'a' * 201}", None),
        ("DELETE", f"{SESSION}?reason=%00", None),
        ("DELETE", f"{SESSION}?reason=a%0Ab", None),
        ("PUT", f"{SESSION}/mutes/llm", {}),
        ("PUT", f"{SESSION}/mutes/A", {"seconds": 0}),
        ("PUT", f"{SESSION}/mutes/A", {"seconds": "60"}),
        ("PUT", f"{SESSION}/mutes/A", {"for": 60}),
        ("DELETE", f"{SESSION}/mutes/C", None),
    ],
)
async def test_malformed_calls_moderate_nothing(
    guarded: Web, guarded_client: "redis.Redis", sid: str, method: str, path: str, body: Any
) -> None:
    answer = await call(guarded, sid, method, path, body)
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_message")
    assert guarded_client.keys(f"*{sid}*") == []


async def test_a_muted_role_is_refused_on_every_process_and_all_members_are_notified(
    guarded: Web, guarded_daphne: Web, sid: str
) -> None:
    async with opened(guarded, sid, token(sid)) as muted, opened(guarded_daphne, sid, token(sid, "B")) as other:
        assert (
            await call(guarded_daphne, sid, "PUT", f"{SESSION}/mutes/A", {"seconds": 60, "reason": "pause"})
        ).status == 204
        for notice in await received([muted, other], "session.notice"):
            assert (notice["bd"]["code"], notice["bd"]["role"], notice["bd"]["reason"]) == ("muted", "A", "pause")
        await muted.send("chat.message", {"text": "hi"}, msg_id="m1")
        error = (await muted.recv_event("error"))["bd"]
        assert (error["code"], error["msg_id"], 55 < error["retry_after"] <= 60) == ("muted", "m1", True)
        assert await sending(muted, "llm.request", {"prompt": "hi"}) == "muted"
        assert await sending(other, "chat.message", {"text": "hi"}) == "yes"
        assert (await call(guarded, sid, "DELETE", f"{SESSION}/mutes/A")).status == 204
        assert await sending(muted, "chat.message", {"text": "hi"}) == "yes"


async def test_a_closed_session_ends_its_connections_and_stays_readable_until_it_is_reopened(
    guarded: Web, guarded_daphne: Web, sid: str
) -> None:
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(opened(guarded, sid, token(sid))),
            await stack.enter_async_context(opened(guarded_daphne, sid, token(sid, "B"))),
            await stack.enter_async_context(opened(guarded, sid, token(sid, "user"), v1=False)),
        ]
        await said(clients[0], "hi")
        assert (await call(guarded, sid, "DELETE", f"{SESSION}?reason=done")).status == 204
        for closed in await received(clients, "session.closed"):
            assert (closed["bd"], closed["hd"]["name"]) == ({"reason": "done"}, "Sora")
        for client in clients:
            assert await refused(client) == ("session_closed", 4410)
    for web in (guarded, guarded_daphne):
        assert await connecting(web, sid, token(sid)) == "session_closed"
    sent = {"hd": {"event": "chat.message"}, "bd": {"text": "late"}}
    by = {"Authorization": f"Bearer {token(sid)}"}
    answer = await call(guarded, sid, "POST", MESSAGES, sent, by)
    assert (answer.status, answer.json["error"]["code"]) == (409, "session_closed")
    assert len((await call(guarded, sid, "GET", HISTORY)).json["messages"]) == 2
    assert (await call(guarded, sid, "POST", f"{SESSION}/reopen")).status == 204
    async with opened(guarded_daphne, sid, token(sid), query="&since=0") as client:
        assert (await client.recv_event("session.notice"))["bd"]["code"] == "reopened"
        assert await sending(client, "chat.message", {"text": "again"}) == "yes"


@pytest.mark.django_db(transaction=True)
async def test_each_action_leaves_an_audit_record(guarded: Web, sid: str) -> None:
    async with opened(guarded, sid, token(sid, sub="u-1", name="Minji")) as client:
        message = await said(client, SECRET)
        staff = await asyncio.to_thread(_staff, guarded)
        for method, path, body in [
            ("PATCH", SESSION, {"policy": "off"}),
            ("DELETE", f"{MESSAGES}/{message['hd']['id']}", None),
            ("DELETE", f"{MESSAGES}/{message['hd']['id']}", None),
            ("PUT", f"{SESSION}/mutes/A", {}),
            ("DELETE", f"{SESSION}/mutes/A", None),
            ("POST", f"{SESSION}/revocations", {"jti": "t-1"}),
            ("DELETE", SESSION, None),
            ("POST", f"{SESSION}/reopen", None),
        ]:
            assert (await call(guarded, sid, method, path, body, staff)).status in (200, 204)
    assert await connecting(guarded, sid, token(sid, sub="u-2", jti="t-1")) == "forbidden"
    expected = ["configured", "removed", "muted", "unmuted", "revoked", "closed", "reopened"]
    found = await records(sid, len(expected) + 3)
    by_staff = [each for each in found if each.action not in ("joined", "left", "refused")]
    assert [each.action for each in by_staff] == expected
    assert {(each.name, each.role) for each in by_staff} == {("Kim Sora", "observer")}
    joined, refusal = (next(each for each in found if each.action == name) for name in ("joined", "refused"))
    assert (joined.subject, joined.role, joined.name) == ("u-1", "A", "Minji")
    assert (refusal.subject, refusal.details["code"]) == ("u-2", "forbidden")
    assert not any(SECRET in each.detail for each in found)


def _staff(web: Web) -> dict[str, str]:
    user = get_user_model().objects.create_user("sora", first_name="Kim", last_name="Sora", is_staff=True)
    return {"Cookie": cookie_of(user), "Origin": web.http}
