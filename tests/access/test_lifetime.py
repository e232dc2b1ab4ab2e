"""A token's life on an open connection: its end is announced, and it can be replaced before."""

import asyncio
import time
import uuid
from typing import Any

import pytest

from tests.access.credentials import RSA, SHARED, token
from tests.access.operations import opened, refused, sending
from tests.access.refreshing import Plan, Run
from tests.client import Client
from tests.processes import Web, web

SOON = 3


async def test_a_connection_is_warned_and_closed_when_its_token_expires(any_guarded: Web, sid: str) -> None:
    ends = int(time.time()) + SOON
    async with opened(any_guarded, sid, token(sid, exp=ends)) as client:
        warned = await client.recv_event("auth.expiring")
        assert warned["bd"]["expires_in"] <= SOON / 3 + 1
        assert await refused(client) == ("unauthenticated", 4401)
        assert time.time() >= ends


async def test_a_bare_client_is_closed_without_a_warning(guarded: Web, sid: str) -> None:
    async with opened(guarded, sid, headers=[token(sid, exp=int(time.time()) + 1)], v1=False) as client:
        assert await refused(client) == ("unauthenticated", 4401)


@pytest.mark.slow
async def test_a_new_token_keeps_the_connection_open_and_says_what_is_allowed(guarded: Web, sid: str) -> None:
    async with opened(guarded, sid, token(sid, exp=int(time.time()) + SOON)) as client:
        await client.recv_event("auth.expiring")
        renewed = token(sid, name="Ada", can=["read", "send"], key=RSA, alg="RS256", kid="rsa")
        answer = (await answer_to(client, renewed))["bd"]
        assert (answer["expires_in"] in range(3595, 3601), answer["can"]) == (True, ["read", "send"])
        await asyncio.sleep(SOON)  # past the end of the first one
        await client.say("hi")
        assert (await client.recv_event("chat.message"))["hd"]["name"] == "Ada"
        await client.send("llm.request", {"prompt": "hi"})
        assert (await client.recv_event("error"))["bd"]["code"] == "forbidden"


async def test_a_new_token_leaves_the_limits_of_the_address(store_url: str, django_db_setup: None, sid: str) -> None:
    site = {"DOQCHAT_ACCESS": "token", "DOQCHAT_TOKEN_KEY": SHARED, "DOQCHAT_LIMITS": "ADDRESS_REQUESTS=2"}
    others = {"X-Forwarded-For": f"2001:db8:{uuid.uuid4().hex[:4]}::1"}
    with web(**site) as limited:
        async with opened(limited, sid, token(sid, sub=None), others=others) as client:
            assert (await answer_to(client, token(sid, sub=None)))["hd"]["event"] == "auth.refreshed"
            answers = [await sending(client, "llm.request", {"prompt": "hello"}) for _ in range(3)]
    assert answers == ["yes", "yes", "rate_limited"]


@pytest.mark.parametrize(
    ("of", "said", "code"),
    [
        ("A", {"exp": 1}, "unauthenticated"),
        ("B", {}, "role_forbidden"),
        ("A", {"sub": "another"}, "forbidden"),
        ("A", {"can": ["send"]}, "forbidden"),
    ],
)
async def test_a_token_that_does_not_fit_changes_nothing(
    guarded: Web, sid: str, of: Any, said: dict[str, Any], code: str
) -> None:
    async with opened(guarded, sid, token(sid, name="Ada")) as client:
        assert (await answer_to(client, token(sid, of, **said)))["bd"]["code"] == code
        assert (await answer_to(client, token("another")))["bd"]["code"] == "forbidden"
        assert (await answer_to(client, "x"))["bd"]["code"] == "unauthenticated"
        await client.say("hi")
        assert (await client.recv_event("chat.message"))["hd"]["name"] == "Ada"


async def answer_to(client: Client, renewed: str) -> Any:
    """What the server says to a new token."""
    await client.send("auth.refresh", {"token": renewed})
    return await client.recv_event("auth.refreshed", "error")


@pytest.mark.slow
async def test_sockets_that_refresh_while_others_talk_stay_open_and_miss_nothing(any_guarded: Web) -> None:
    run = Run(any_guarded.ws, Plan(sockets=50, sessions=2, seconds=4.0, after=1.0, rate=20.0))
    assert await run.faults() == []
