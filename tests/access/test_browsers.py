"""Open access: the browser's cookie says who wrote what, and proves nothing else."""

import asyncio

import pytest

from chat.access.cookies import BROWSER, new_browser
from tests.access.credentials import token
from tests.access.operations import opened
from tests.chat.fetch import fetch, post
from tests.conftest import Connect
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)


def cookie(value: str) -> dict[str, str]:
    return {"Cookie": f"{BROWSER}={value}"}


async def test_a_room_gives_the_browser_a_cookie_and_what_it_says_a_person(
    any_server: Web, connect: Connect, sid: str
) -> None:
    room = await asyncio.to_thread(fetch, any_server, f"/s/{sid}/?role=A")
    given = room.headers["Set-Cookie"]
    assert all(attribute in given for attribute in ("HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Cookie" in room.headers["Vary"]
    own, other = cookie(given.partition(";")[0].partition("=")[2]), cookie(new_browser())
    persons = []
    for headers in (own, own, other):
        client = await connect(any_server, sid, v1=True, role="A", headers=headers)
        persons.append((await client.recv())["bd"]["person"])
        await client.say("hi", person="claimed")
        assert (await client.recv_event("chat.message"))["hd"]["person"] == persons[-1]
        answer = await asyncio.to_thread(post, any_server, sid, "hi", headers, role="A", person="claimed")
        assert answer.status == 201
        assert (await client.recv_event("chat.message"))["hd"]["person"] == persons[-1]
    assert persons[0] == persons[1] != persons[2]
    assert all(len(person) == 18 for person in persons)
    elsewhere = await connect(any_server, f"{sid[:50]}-other", v1=True, headers=own)
    assert (await elsewhere.recv())["bd"]["person"] not in [None, *persons]
    again = await asyncio.to_thread(fetch, any_server, f"/s/{sid}/?role=A", headers=own)
    assert again.headers["Set-Cookie"].partition(";")[0] == own["Cookie"]


@pytest.mark.parametrize("value", ["", "x", "x" * 23, "x" * 4_000, "가" * 22, '"' + "x" * 20 + '"', "x" * 21 + "%"])
async def test_a_cookie_that_the_server_has_not_made_is_ignored(
    server: Web, connect: Connect, sid: str, value: str
) -> None:
    client = await connect(server, sid, v1=True, headers={"Cookie": f"{BROWSER}={value}".encode().decode("latin-1")})
    assert (await client.recv())["bd"]["person"] is None
    await client.say("hi")
    assert "person" not in (await client.recv_event("chat.message"))["hd"]


async def test_with_tokens_the_cookie_means_nothing(guarded: Web, sid: str) -> None:
    headers = cookie(new_browser())
    async with opened(guarded, sid, token(sid, "A"), others=headers) as client:
        without_subject = (await client.recv())["bd"]["person"]
    async with opened(guarded, sid, token(sid, "A")) as client:
        assert (await client.recv())["bd"]["person"] == without_subject
    room = await asyncio.to_thread(fetch, guarded, f"/s/{sid}/?role=A", headers=headers)
    assert "Set-Cookie" not in room.headers
