"""Who may do what: each principal tries each operation, and the pages have the table that comes of it."""

import asyncio
import json
import time

import pytest
import redis

from tests.access.credentials import ED25519, FOREIGN, RSA, SHARED, confused, tampered, token, unsigned
from tests.access.operations import ALLOWED, CALLS, CONNECT, FRAMES, answered, calling, connecting, opened, sending
from tests.processes import ROOT, Web

NO, ROLE = "forbidden", "role_forbidden"
WITHOUT = "unauthenticated"

OBSERVES = {CONNECT, "`session.sync`", "`ping`", "`GET history`", "`GET history?q=`", "`GET sessions/SID`"}
CONFIGURES = "`PATCH sessions/SID`"
MODERATES = "`POST sessions/SID/revocations`"
SPEAKS = {CONNECT, *FRAMES, *CALLS} - {CONFIGURES, MODERATES}
SENDS = OBSERVES | {
    "`chat.message`",
    "`chat.typing`",
    "`chat.read`",
    '`PATCH sessions/SID`: `{"policy": "off"}`',
    "`POST sessions/SID/messages`: `chat.message`",
}

HOLDERS = {
    "`A`, `B`, `user`": ({"role": "A"}, SPEAKS),
    "`observer`": ({"role": "observer"}, OBSERVES),
    '`"can": ["read"]`': ({"role": "B", "can": ["read"]}, OBSERVES),
    '`"can": ["read", "send"]`': ({"role": "user", "can": ["read", "send"]}, SENDS),
    '`"can": ["read", "configure"]`': ({"role": "B", "can": ["read", "configure"]}, OBSERVES | {CONFIGURES}),
    '`"can": ["read", "moderate"]`': ({"role": "observer", "can": ["read", "moderate"]}, OBSERVES | {MODERATES}),
}
"""Principals of the table: their claims, and what they may do."""


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
    }


@pytest.mark.parametrize("holder", HOLDERS)
async def test_each_principal_may_do_what_the_table_says(guarded: Web, sid: str, holder: str) -> None:
    said, allowed = HOLDERS[holder]
    presented = token(sid, said["role"], can=said.get("can"))
    found = {CONNECT: await connecting(guarded, sid, presented, since="0")}
    async with opened(guarded, sid, presented) as client:
        for name, (event, bd) in FRAMES.items():
            found[name] = await sending(client, event, bd)
    for name, call in CALLS.items():
        found[name] = answered(await asyncio.to_thread(calling, guarded, sid, presented, *call))
    assert found == {name: ALLOWED if name in allowed else NO for name in (CONNECT, *FRAMES, *CALLS)}


@pytest.mark.parametrize("fault", refused_tokens("any"))
async def test_nothing_can_be_done_with_any_other_token(
    guarded: Web, guarded_client: "redis.Redis", sid: str, fault: str
) -> None:
    presented, code = refused_tokens(sid)[fault]
    keys = guarded_client.dbsize()
    assert await connecting(guarded, sid, *([presented] if presented else [])) == code
    for call in CALLS.values():
        answer = await asyncio.to_thread(calling, guarded, sid, presented, *call)
        assert (answered(answer), answer.status) == (code, 401 if code == WITHOUT else 403)
        assert (answer.headers["WWW-Authenticate"] == "Bearer") == (code == WITHOUT)
        assert presented is None or presented not in answer.text
    assert (guarded_client.keys(f"*{sid}*"), guarded_client.dbsize()) == ([], keys)


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
