"""Who may do what: each principal tries each operation, and the pages have the table that comes of it."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from secrets import token_urlsafe

import pytest
import redis
from django.contrib.auth import get_user_model

from chat.access import api_keys
from chat.models import Invite, digest_of
from tests.access.credentials import ED25519, FOREIGN, RSA, SHARED, confused, tampered, token, unsigned
from tests.access.operations import (
    ALLOWED,
    CALLS,
    CONNECT,
    FRAMES,
    answered,
    calling,
    calling_with,
    connecting,
    opened,
    sending,
)
from tests.chat.conftest import cookie_of
from tests.processes import ROOT, Web

NO, ROLE = "forbidden", "role_forbidden"
WITHOUT = "unauthenticated"

READS = {"`GET history`", "`GET history?q=`", "`GET search`", "`GET sessions/SID/export`", "`GET sessions/SID`"}
OBSERVES = {CONNECT, "`session.sync`", "`ping`", *READS}
TAKES_OVER = '`PATCH sessions/SID`: `{"policy": "off"}`'
CONFIGURES = "`PATCH sessions/SID`"
CREATES = "`POST sessions`"
MODERATES = {name for name in CALLS if "/invites" in name or "/mutes" in name or name.startswith("`DELETE")} | {
    "`POST sessions/SID/revocations`",
    "`POST sessions/SID/reopen`",
}
SPEAKS = {CONNECT, *FRAMES, *CALLS} - {CONFIGURES, CREATES} - MODERATES
MANAGES = {"`GET sessions/SID`", CREATES, CONFIGURES, TAKES_OVER} | MODERATES
SENDS = OBSERVES | {
    "`chat.message`",
    "`chat.typing`",
    "`chat.read`",
    TAKES_OVER,
    "`POST sessions/SID/messages`: `chat.message`",
}


def bearer(role: str, can: list[str] | None, sid: str, web: Web) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(sid, role, can=can)}"}


def member(sid: str, web: Web) -> dict[str, str]:
    """The headers of a page of somebody who was invited as A."""
    return {"Cookie": f"doqchat-{sid}={token(sid, sub='invite:1')}", "Origin": web.http}


def program(sid: str, web: Web) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_keys.create('backend', 'sessions')}"}


def staff(sid: str, web: Web) -> dict[str, str]:
    user = get_user_model().objects.create_user("staff", is_staff=True)
    return {"Cookie": cookie_of(user), "Origin": web.http}


def signed_in(sid: str, web: Web) -> dict[str, str]:
    """The headers of a page of a user whom tests.access.authorizing admits as A."""
    return {"Cookie": cookie_of(get_user_model().objects.create_user("minji", last_name="A")), "Origin": web.http}


Present = Callable[[str, Web], Mapping[str, str]]

HOLDERS: dict[str, tuple[Present, set[str]]] = {
    "`A`, `B`, `user`": (partial(bearer, "A", None), SPEAKS),
    "`observer`": (partial(bearer, "observer", None), OBSERVES),
    '`"can": ["read"]`': (partial(bearer, "B", ["read"]), OBSERVES),
    '`"can": ["read", "send"]`': (partial(bearer, "user", ["read", "send"]), SENDS),
    '`"can": ["read", "configure"]`': (
        partial(bearer, "B", ["read", "configure"]),
        OBSERVES | {CONFIGURES, TAKES_OVER},
    ),
    '`"can": ["read", "moderate"]`': (partial(bearer, "observer", ["read", "moderate"]), OBSERVES | MODERATES),
    "`doqchat-SID`": (member, SPEAKS),
    "`user:ID`": (signed_in, SPEAKS),
    "`dqk_…`": (program, MANAGES),
    "`is_staff`": (staff, MANAGES),
}
"""Principals of the table: the headers that they send, and what they may do."""


USED = token_urlsafe(32)
"""The secret of an invite that was used."""


def refused_tokens(sid: str) -> dict[str, tuple[str | None, str]]:
    """Credentials that are refused, and the error code of each."""
    return {
        "no token": (None, WITHOUT),
        "expired": (token(sid, exp=time.time() - 60), WITHOUT),
        "not valid yet": (token(sid, nbf=time.time() + 600), WITHOUT),
        "tampered with": (tampered(sid), WITHOUT),
        "another key": (token(sid, key=SHARED.upper()), WITHOUT),
        "another issuer's key": (token(sid, key=FOREIGN, alg="RS256", kid="rsa"), WITHOUT),
        "another algorithm": (token(sid, alg="HS512"), WITHOUT),
        "no algorithm": (unsigned(sid), WITHOUT),
        "a public key taken for a shared one": (confused(sid), WITHOUT),
        "for another audience": (token(sid, aud="another"), WITHOUT),
        "for another session": (token("another"), NO),
        "a used invite": (USED, WITHOUT),
        "an unknown API key": (api_keys.new_secret(), WITHOUT),
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("holder", HOLDERS)
async def test_each_principal_may_do_what_the_table_says(guarded: Web, sid: str, holder: str) -> None:
    present, allowed = HOLDERS[holder]
    headers = await asyncio.to_thread(present, sid, guarded)
    first = await connecting(guarded, sid, since="0", others=headers)
    found = dict.fromkeys((CONNECT, *FRAMES), first)
    if first == ALLOWED:
        async with opened(guarded, sid, others=headers) as client:
            for name, (event, bd) in FRAMES.items():
                found[name] = await sending(client, event, bd)
    for name, call in CALLS.items():
        found[name] = answered(await asyncio.to_thread(calling_with, guarded, sid, headers, *call))
    expected = dict.fromkeys(found, WITHOUT if first == WITHOUT else NO) | dict.fromkeys(allowed, ALLOWED)
    if present is member:
        expected[CREATES] = WITHOUT  # the cookie is for another session
    assert found == expected


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", refused_tokens("any"))
async def test_nothing_can_be_done_with_any_other_token(
    guarded: Web, guarded_client: "redis.Redis", sid: str, fault: str
) -> None:
    presented, code = refused_tokens(sid)[fault]
    await Invite.objects.acreate(sid=sid, role="A", digest=digest_of(USED), uses_left=0)
    keys = guarded_client.dbsize()
    assert await connecting(guarded, sid, *([presented] if presented else [])) == code
    for call in CALLS.values():
        answer = await asyncio.to_thread(calling, guarded, sid, presented, *call)
        assert (answered(answer), answer.status) == (code, 401 if code == WITHOUT else 403)
        assert (answer.headers["WWW-Authenticate"] == "Bearer") == (code == WITHOUT)
        assert presented is None or presented not in answer.text
    assert await Invite.objects.acount() == 1
    assert guarded_client.keys(f"*{sid}*") == []
    assert guarded_client.dbsize() <= keys  # others expire


@pytest.mark.parametrize(
    ("key", "alg", "kid"), [(SHARED, "HS256", None), (RSA, "RS256", "rsa"), (ED25519, "EdDSA", "ed")]
)
async def test_tokens_of_each_kind_of_key_are_taken(
    any_guarded: Web, sid: str, key: object, alg: str, kid: str
) -> None:
    presented = token(sid, key=key, alg=alg, kid=kid)
    assert await connecting(any_guarded, sid, presented) == ALLOWED
    answer = await asyncio.to_thread(calling, any_guarded, sid, presented, *CALLS["`GET history`"])
    assert json.loads(answer.text)["sid"] == sid


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_pages_have_the_table(language: str) -> None:
    said = {tuple(_cells(line)) for line in (ROOT / "docs" / language / "access.md").read_text().splitlines()}
    for name in (CONNECT, *FRAMES, *CALLS):
        marks = ["✓" if name in allowed else "" for _, allowed in HOLDERS.values()]
        assert (name, *marks) in said
    assert any(row[1:] == tuple(HOLDERS) for row in said)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")[1:-1]]
