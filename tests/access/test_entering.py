"""How a token comes along with a socket or a call, and what the server stamps by it."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.access.credentials import token
from tests.access.operations import CALLS, HISTORY, MESSAGES, SESSION, calling, opened, refused, sending
from tests.chat.fetch import fetch
from tests.processes import Web


async def test_a_bare_client_brings_its_token_in_a_header(any_guarded: Web, sid: str) -> None:
    async with opened(any_guarded, sid, headers=[token(sid)], v1=False) as client:
        assert client.connection.subprotocol is None
        await client.say("hi")
        assert (await client.recv())["hd"]["role"] == "A"


async def test_the_subprotocol_with_the_token_is_not_chosen(any_guarded: Web, sid: str) -> None:
    async with opened(any_guarded, sid, token(sid, "observer")) as client:
        assert client.connection.subprotocol == "doqchat.v1"
        welcome = await client.recv()
        assert (welcome["bd"]["role"], welcome["bd"]["members"]) == ("observer", {"observer": 1})


@pytest.mark.parametrize(
    ("role", "can", "expected"),
    [
        ("A", None, ["ask", "cancel", "read", "send"]),
        ("observer", None, ["read"]),
        ("observer", ["read", "moderate", "configure"], ["configure", "moderate", "read"]),
        ("B", ["send", "read"], ["read", "send"]),
    ],
)
async def test_who_comes_in_is_told_what_the_token_allows(
    any_guarded: Web, sid: str, role: str, can: list[str] | None, expected: list[str]
) -> None:
    presented = token(sid, role, can=can)
    async with opened(any_guarded, sid, presented) as client:
        assert (await client.recv())["bd"]["can"] == expected
        await client.send("session.sync", {"since": "0"})
        assert (await client.recv_event("session.welcome"))["bd"]["can"] == expected
    answer = await asyncio.to_thread(calling, any_guarded, sid, presented, "GET", SESSION, None)
    assert answer.json["can"] == expected


async def test_role_and_name_are_those_of_the_token(guarded: Web, sid: str) -> None:
    async with opened(guarded, sid, token(sid, "B", name="민지")) as client:
        await client.recv_event("session.welcome")
        await client.say("hi", name="Ada", msg_id="m1")
        said = await client.recv_event("chat.message")
        assert (said["hd"]["role"], said["hd"]["name"]) == ("B", "민지")
        assert await sending(client, "chat.message", {"text": "hi"}, role="A") == "role_forbidden"
        assert await sending(client, "chat.typing", {"active": True}, role="user") == "role_forbidden"
        assert await sending(client, "chat.message", {"text": "hi"}, role="B") == "yes"
    answer = await asyncio.to_thread(calling, guarded, sid, token(sid), "GET", HISTORY, None)
    assert [(event["hd"]["role"], event["hd"]["name"]) for event in answer.json["messages"]] == [("B", "민지")] * 2


def test_a_call_speaks_as_its_token_says(guarded: Web, sid: str) -> None:
    saying: dict[str, Any] = {"hd": {"event": "chat.message", "role": "B"}, "bd": {"text": "hi"}}
    answer = calling(guarded, sid, token(sid), "POST", MESSAGES, saying)
    assert (answer.status, answer.json["error"]["code"], answer.json["error"]["field"]) == (
        403,
        "role_forbidden",
        "hd.role",
    )


@pytest.mark.parametrize(
    ("query", "tokens", "headers", "expected"),
    [
        ("", [], [], ("unauthenticated", 4401)),
        ("", ["x"], [], ("unauthenticated", 4401)),
        ("&role=B", [("A", {})], [], ("role_forbidden", 4403)),
        ("&role=llm", [("A", {})], [], ("role_forbidden", 4400)),
        ("", [("A", {}), ("B", {})], [], ("forbidden", 4403)),
        ("", [("A", {})], [("B", {})], ("forbidden", 4403)),
        ("", [], [("A", {}), ("A", {"sub": "another"})], ("forbidden", 4403)),
        ("", [("A", {})], ["x"], ("unauthenticated", 4401)),
        ("", [("A", {"can": ["send"]})], [], ("forbidden", 4403)),
    ],
)
async def test_who_is_refused_is_told_why_and_by_the_close_code_what_to_do(
    any_guarded: Web, sid: str, query: str, tokens: list[Any], headers: list[Any], expected: tuple[str, int]
) -> None:
    offered, carried = ([_made(sid, each) for each in some] for some in (tokens, headers))
    async with opened(any_guarded, sid, *offered, headers=carried, query=query) as client:
        assert await refused(client) == expected


async def test_two_tokens_of_one_holder_agree(any_guarded: Web, sid: str) -> None:
    async with opened(any_guarded, sid, token(sid, jti="one"), headers=[token(sid, jti="two")]) as client:
        await client.recv_event("session.welcome")


@pytest.mark.parametrize("query", ["token={0}", "access_token=secret-word", "anything={0}", "{0}", "Token=secret-word"])
async def test_a_token_in_the_url_is_refused_and_the_log_says_why_without_it(
    any_guarded: Web, sid: str, query: str
) -> None:
    presented = token(sid)
    written = query.format(quote(presented))
    async with opened(any_guarded, sid, presented, query=f"&{written}") as client:
        assert await refused(client) == ("forbidden", 4403)
    headers = {"Authorization": f"Bearer {presented}"}
    called = await asyncio.to_thread(fetch, any_guarded, f"{HISTORY.format(sid=sid)}?{written}", "GET", headers)
    assert (called.status, called.json["error"]["code"]) == (403, "forbidden")
    pages = [
        await asyncio.to_thread(fetch, any_guarded, f"{path}{written}")
        for path in (f"/s/{sid}/?", "/?", f"/?sid={sid}&", "/i/secret/?")
    ]
    assert [page.status for page in pages] == [403] * 4
    for text in (called.text, *(page.text for page in pages), any_guarded.process.output):
        assert presented.split(".")[1] not in text
    assert "it has a token in its URL" in any_guarded.process.output


async def test_an_api_key_in_place_of_a_token_is_named(guarded: Web, sid: str) -> None:
    answer = await asyncio.to_thread(calling, guarded, sid, "dqk_" + 43 * "x", "GET", HISTORY, None)
    assert answer.json["error"] == {
        "code": "unauthenticated",
        "message": "An API key manages sessions only; this requires a token of the session.",
    }


async def test_the_log_has_no_token_whatever_becomes_of_it(any_guarded: Web, sid: str) -> None:
    good, bad = token(sid), token("another")
    async with opened(any_guarded, sid, good) as client:
        assert await sending(client, "chat.message", {"text": "hi"}, role="B") == "role_forbidden"
    async with opened(any_guarded, sid, bad) as client:
        assert await refused(client) == ("forbidden", 4403)
    for presented in (good, bad, f"{good[:-2]}xx"):
        await asyncio.to_thread(calling, any_guarded, sid, presented, *CALLS["`GET history`"])
    assert not [part for part in (*good.split("."), *bad.split(".")[1:]) if part in any_guarded.process.output]


async def test_a_page_without_a_token_shows_nothing_of_the_session(guarded: Web, sid: str) -> None:
    said = {"hd": {"event": "chat.message"}, "bd": {"text": "between us"}}
    await asyncio.to_thread(calling, guarded, sid, token(sid), "POST", MESSAGES, said)
    page = await asyncio.to_thread(fetch, guarded, f"/s/{sid}/?role=A")
    assert (page.status, "between us" in page.text) == (200, False)
    assert json.loads(calling(guarded, sid, token(sid), "GET", HISTORY, None).text)["messages"]


def _made(sid: str, given: Any) -> str:
    """A token of a role and further claims; a text as it is."""
    return given if isinstance(given, str) else token(sid, given[0], **given[1])
