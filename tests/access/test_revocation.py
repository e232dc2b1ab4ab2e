"""Revoked tokens: their connections are closed on every process, and they are refused from then on."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest
import redis

from doqchat.access.principal import Principal
from doqchat.engine import Engine
from doqchat.errors import Forbidden
from doqchat.fanout import hub
from doqchat.fanout.member import Member
from doqchat.protocol.names import BASIC
from doqchat.store import keys
from doqchat.store.revocations import ALL, Revoked, by_subject, by_token
from tests.access.credentials import token
from tests.access.operations import CALLS, JSON, REVOCATIONS, answered, calling, connecting, opened, refused, sending
from tests.chat.commands import run
from tests.fanout.socket import Socket
from tests.processes import Web

WITHIN_SECONDS = 2.0


async def revoke(web: Web, sid: str, **what: Any) -> int:
    """The status of a call that revokes tokens."""
    presented = token(sid, "observer", sub="staff", iat=int(time.time()) + 20, can=["read", "moderate"])
    answer = await asyncio.to_thread(calling, web, sid, presented, "POST", REVOCATIONS, what)
    return answer.status


@pytest.mark.parametrize("what", [{"jti": "t-1"}, {"sub": "u-1"}, {"all": True}])
async def test_sockets_on_every_process_are_closed_and_nobody_comes_back(
    guarded: Web, guarded_daphne: Web, sid: str, what: dict[str, Any]
) -> None:
    revoked = token(sid, sub="u-1", jti="t-1")
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(opened(web, sid, revoked)) for web in (guarded, guarded_daphne)]
        for client in clients:
            assert await sending(client, "chat.message", {"text": "hi"}) == "yes"
        assert await revoke(guarded, sid, **what) == 204
        async with asyncio.timeout(WITHIN_SECONDS):
            for client in clients:
                error = await client.recv_event("error")
                assert (error["bd"]["code"], await client.close_code()) == ("forbidden", 4403)
    assert await connecting(guarded, sid, revoked) == "forbidden"
    assert await connecting(guarded_daphne, sid, revoked, since="0") == "forbidden"
    answer = await asyncio.to_thread(calling, guarded, sid, revoked, *CALLS["`GET history`"])
    assert (answered(answer), answer.status) == ("forbidden", 403)


async def test_others_stay_and_a_new_token_lets_its_holder_in_again(guarded: Web, sid: str) -> None:
    async with opened(guarded, sid, token(sid, "B", sub="u-2")) as other:
        assert await revoke(guarded, sid, sub="u-1") == 204
        assert await sending(other, "chat.message", {"text": "hi"}) == "yes"
    later = token(sid, sub="u-1", iat=int(time.time()) + 5)
    async with opened(guarded, sid, later) as client:
        await client.recv_event("session.welcome")
        await client.send("auth.refresh", {"token": token(sid, sub="u-1", iat=int(time.time()) - 60)})
        assert (await client.recv_event("error", "auth.refreshed"))["bd"]["code"] == "forbidden"


@pytest.mark.parametrize("body", [{}, {"jti": None}, {"jti": "a", "all": True}, {"all": False}, {"sub": ""}, {"x": 1}])
async def test_what_is_to_be_revoked_has_to_be_named(guarded: Web, sid: str, body: dict[str, Any]) -> None:
    assert await revoke(guarded, sid, **body) == 400
    assert await connecting(guarded, sid, token(sid)) == "yes"


@pytest.mark.parametrize("role", ["A", "observer"])
def test_only_moderators_revoke(guarded: Web, sid: str, role: str) -> None:
    answer = calling(guarded, sid, token(sid, role), "POST", REVOCATIONS, {"all": True})
    assert (answer.status, answered(answer)) == (403, "forbidden")
    assert JSON["Content-Type"] in answer.headers["Content-Type"]


async def test_an_operator_revokes_by_command(guarded: Web, access: dict[str, str], sid: str) -> None:
    async with opened(guarded, sid, token(sid)) as client:
        await client.recv_event("session.welcome")
        ended = await asyncio.to_thread(run, "doqchat_revoke", sid, "--all", **access)
        assert (ended.returncode, ended.stderr) == (0, "")
        await client.recv_event("error")
        assert await client.close_code() == 4403


async def test_a_session_that_is_opened_later_knows_what_was_revoked(guarded: Web, sid: str) -> None:
    assert await revoke(guarded, sid, jti="t-1") == 204
    async with opened(guarded, sid, token(sid, jti="t-1")) as client:
        assert await refused(client) == ("forbidden", 4403)


async def test_a_revocation_that_was_not_published_is_found_with_the_next_beat(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, store: "redis.Redis", sid: str
) -> None:
    monkeypatch.setattr(hub, "BEAT_SECONDS", 0.05)
    guarding = hub.Hub(
        engine.layer.for_loop(),
        engine.stream,
        engine.presence,
        engine.session_index,
        engine.moderation,
        engine.revocations,
    )
    dropped = asyncio.get_running_loop().create_future()
    socket = Socket(sid=sid)
    member = Member(socket.write, principal=held(sid, issued=1.0), profile=BASIC, on_drop=dropped.set_result)
    session = await guarding.enter(sid, member)
    member.release()
    store.hset(keys.revoked(sid), ALL, "2.0")
    assert await asyncio.wait_for(dropped, WITHIN_SECONDS) == Forbidden.close_code
    assert (await socket.frame())["bd"]["code"] == "forbidden"
    await guarding.leave(session, member)


def held(sid: str = "room", **said: Any) -> Principal:
    return Principal(sid, "A", frozenset({"read"}), subject="u-1", token_id="t-1", **said)


@pytest.mark.parametrize(
    ("what", "issued", "is_revoked"),
    [
        (by_token("t-1"), 200.0, True),
        (by_token("u-1"), 50.0, False),
        (by_subject("u-1"), 50.0, True),
        (by_subject("u-1"), 100.0, True),
        (by_subject("u-1"), 101.0, False),
        (by_subject("t-1"), 50.0, False),
        (ALL, 50.0, True),
        (ALL, 101.0, False),
        (ALL, None, True),
    ],
)
def test_a_token_is_revoked_by_name_or_as_far_as_it_was_issued(what: str, issued: float, is_revoked: bool) -> None:
    revoked = Revoked({what: 100.0})
    if is_revoked:
        with pytest.raises(Forbidden):
            revoked.check(held(issued=issued))
    else:
        revoked.check(held(issued=issued))
