"""Invite links: opening one changes nothing, its button makes a membership, revoking it ends that."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from chat.access import api_keys
from chat.models import Invite, digest_of
from tests import processes
from tests.access.credentials import SHARED, token
from tests.access.guests import Guest, cookies_of, guest
from tests.access.operations import (
    HISTORY,
    INVITES,
    MESSAGES,
    SAYING,
    SESSION,
    SESSIONS,
    calling,
    calling_with,
    connecting,
    opened,
    refused,
    sending,
)
from tests.chat.conftest import cookie_of
from tests.ports import free_port
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)

WITHIN_SECONDS = 2.0
UNKNOWN = "/i/" + "A" * 43 + "/"


@pytest.fixture
def api_key(transactional_db: None) -> str:
    return api_keys.create("backend", "sessions")


def invite(web: Web, sid: str, key: str, **wanted: Any) -> dict[str, Any]:
    """A new invite, for A unless another role is wanted."""
    answer = calling(web, sid, key, "POST", INVITES, {"role": "A", **wanted})
    assert answer.status == 201, answer.text
    (made,) = answer.json["invites"]
    return dict(made)


def revoke(web: Web, sid: str, key: str, made: dict[str, Any]) -> int:
    return calling(web, sid, key, "DELETE", f"{INVITES}/{made['id']}", None).status


@pytest.fixture
def visitor(any_guarded: Web) -> Iterator[Guest]:
    with guest(any_guarded) as one:
        yield one


def test_a_link_leads_its_guest_to_the_room_with_a_cookie_for_this_session(
    any_guarded: Web, visitor: Guest, api_key: str, sid: str
) -> None:
    made = invite(any_guarded, sid, api_key, name="민지")
    page = visitor.open(made["url"])
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert f"join the session {sid} as A" in page.text
    entered = visitor.press(made["url"], page)
    assert (entered.status_code, entered.headers["Location"]) == (302, f"/s/{sid}/?role=A")
    assert entered.headers["Referrer-Policy"] == "no-referrer"
    cookie = cookies_of(entered)[f"doqchat-{sid}"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Lax", "/", "")
    assert int(cookie["max-age"]) == 30 * 24 * 3600


async def test_a_member_by_cookie_connects_reads_and_sends(
    any_guarded: Web, visitor: Guest, api_key: str, sid: str
) -> None:
    made = await asyncio.to_thread(invite, any_guarded, sid, api_key, name="민지")
    await asyncio.to_thread(visitor.press, made["url"])
    mine = visitor.headers(sid)
    async with opened(any_guarded, sid, others=mine, query="&role=A") as client:
        await client.recv_event("session.welcome")
        answer = await asyncio.to_thread(calling_with, any_guarded, sid, mine, "POST", MESSAGES, SAYING)
        assert answer.status == 201
        said = await client.recv_event("chat.message")
        assert (said["hd"]["role"], said["hd"]["name"]) == ("A", "민지")
    only_cookie = {"Cookie": mine["Cookie"]}
    read = await asyncio.to_thread(calling_with, any_guarded, sid, only_cookie, "GET", HISTORY, None)
    assert [event["hd"]["id"] for event in read.json["messages"]] == [said["hd"]["id"]]
    room = await asyncio.to_thread(visitor.open, f"/s/{sid}/?role=B")
    assert (said["hd"]["id"] in room.text, 'data-role="A"' in room.text) == (True, True)
    assert room.headers["Cache-Control"] == "no-store"
    assert await connecting(any_guarded, "another", others=mine) == "unauthenticated"


def test_opening_a_link_changes_nothing_however_often(any_guarded: Web, api_key: str, sid: str) -> None:
    made = invite(any_guarded, sid, api_key)
    for method in ("GET", "HEAD", "GET"):
        with guest(any_guarded) as preview:
            assert preview.open(made["url"], method).status_code == 200
            assert preview.membership(sid) is None
    assert Invite.objects.get().uses_left == 1
    with guest(any_guarded) as invited:
        assert invited.press(made["url"]).status_code == 302


def test_two_who_press_at_once_on_two_processes_make_one_member(
    guarded: Web, guarded_daphne: Web, api_key: str, sid: str
) -> None:
    for _ in range(3):
        made = invite(guarded, sid, api_key)
        with ExitStack() as stack, ThreadPoolExecutor() as threads:
            guests = [stack.enter_context(guest(web)) for web in (guarded, guarded_daphne) * 2]
            pages = [each.open(made["url"]) for each in guests]
            pressed = [threads.submit(each.press, made["url"], page) for each, page in zip(guests, pages, strict=True)]
            assert sorted(press.result().status_code for press in pressed) == [302, 410, 410, 410]
            assert [each.membership(sid) is None for each in guests].count(False) == 1


@pytest.mark.parametrize("fault", ["used", "expired", "revoked", "unknown"])
def test_a_link_that_is_no_longer_valid_says_to_ask_for_a_new_one(
    any_guarded: Web, visitor: Guest, api_key: str, sid: str, fault: str
) -> None:
    made = invite(any_guarded, sid, api_key)
    link = UNKNOWN if fault == "unknown" else made["url"]
    page = visitor.open(made["url"])
    if fault == "used":
        with guest(any_guarded) as earlier:
            earlier.press(link)
    elif fault == "expired":
        Invite.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    elif fault == "revoked":
        assert revoke(any_guarded, sid, api_key, made) == 204
    for answer in (visitor.open(link), visitor.press(link, page)):
        assert (answer.status_code, "Ask for a new one" in answer.text) == (410, True)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert visitor.membership(sid) is None
    with guest(any_guarded, "ko") as korean:
        assert "새 링크를 요청해" in korean.open(link).text


def test_a_used_link_leads_its_own_member_to_the_room(guarded: Web, api_key: str, sid: str) -> None:
    made = invite(guarded, sid, api_key)
    with guest(guarded) as member:
        member.press(made["url"])
        again = member.open(made["url"])
        assert (again.status_code, again.headers["Location"]) == (302, f"/s/{sid}/?role=A")
        assert revoke(guarded, sid, api_key, made) == 204
        assert member.open(made["url"]).status_code == 410


def test_a_link_can_be_for_several_people_or_any_number(guarded: Web, api_key: str, sid: str) -> None:
    links = [invite(guarded, sid, api_key, role="observer", uses=uses)["url"] for uses in (2, None)]
    for link, expected in zip(links, ([302, 302, 410], [302, 302, 302]), strict=True):
        with ExitStack() as stack:
            guests = [stack.enter_context(guest(guarded)) for _ in expected]
            pages = [each.open(link) for each in guests]
            pressed = [each.press(link, page) for each, page in zip(guests, pages, strict=True)]
            assert [answer.status_code for answer in pressed] == expected


async def test_revoking_an_invite_closes_its_members_sockets_on_every_process(
    guarded: Web, guarded_daphne: Web, api_key: str, sid: str
) -> None:
    made = await asyncio.to_thread(invite, guarded, sid, api_key)
    with guest(guarded) as member:
        await asyncio.to_thread(member.press, made["url"])
        mine = member.headers(sid)
    others = mine | {"Origin": guarded_daphne.http}
    async with opened(guarded_daphne, sid, others=others) as client, opened(guarded, sid, token(sid)) as stays:
        assert await sending(client, "chat.message", {"text": "hi"}) == "yes"
        assert await asyncio.to_thread(revoke, guarded, sid, api_key, made) == 204
        async with asyncio.timeout(WITHIN_SECONDS):
            error = await client.recv_event("error")
            assert (error["bd"]["code"], await client.close_code()) == ("forbidden", 4403)
        assert await sending(stays, "chat.message", {"text": "hi"}) == "yes"
    assert await connecting(guarded, sid, others=mine) == "forbidden"
    assert await asyncio.to_thread(revoke, guarded, sid, api_key, made) == 204


def test_without_the_database_invites_are_unavailable_and_rooms_open(access: dict[str, str], sid: str) -> None:
    with processes.web(**access | {"DATABASE_URL": f"postgres://u:p@127.0.0.1:{free_port()}/none"}) as web:
        call = calling(web, sid, api_keys.new_secret(), "GET", INVITES, None)
        assert (call.status, call.json["error"]["code"]) == (503, "unavailable")
        with guest(web) as invited:
            assert invited.open(UNKNOWN).status_code == 503
            assert invited.open(f"/s/{sid}/").status_code == 200
        assert "Traceback" not in web.process.output


async def test_staff_revokes_invites_in_the_admin(guarded: Web, api_key: str, sid: str) -> None:
    made = await asyncio.to_thread(invite, guarded, sid, api_key)
    cookie = await asyncio.to_thread(cookie_of_superuser)
    held = token(sid, sub=f"invite:{made['id']}")
    with guest(guarded) as staff:
        staff.sign_in(cookie)
        async with opened(guarded, sid, held) as client:
            await client.recv_event("session.welcome")
            revoking = {"action": "revoke", "_selected_action": made["id"]}
            answer = await asyncio.to_thread(staff.press, "/admin/doqchat/invite/", **revoking)
            assert answer.status_code == 302
            await client.recv_event("error")
            assert await client.close_code() == 4403
        assert staff.open(made["url"]).status_code == 410


def cookie_of_superuser() -> str:
    return cookie_of(get_user_model().objects.create_superuser("admin")).partition("=")[2]


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1:1", "http://localhost"])
async def test_a_page_of_another_site_can_neither_send_nor_connect_with_the_cookie(
    any_guarded: Web, sid: str, origin: str | None
) -> None:
    cookie = {"Cookie": f"doqchat-{sid}={token(sid)}"}
    headers = cookie | ({} if origin is None else {"Origin": origin})
    for method, path, body in (("POST", MESSAGES, SAYING), ("PATCH", SESSION, {"policy": "off"})):
        answer = await asyncio.to_thread(calling_with, any_guarded, sid, headers, method, path, body)
        assert (answer.status, answer.json["error"]["code"]) == (403, "forbidden")
    if origin not in (None, "null"):  # daphne itself refuses the latter
        assert await connecting(any_guarded, sid, others=headers) == "forbidden"
    read = await asyncio.to_thread(calling_with, any_guarded, sid, cookie, "GET", HISTORY, None)
    assert read.json["messages"] == []
    bearer = headers | {"Authorization": f"Bearer {token(sid)}"}
    answer = await asyncio.to_thread(calling_with, any_guarded, sid, bearer, "POST", MESSAGES, SAYING)
    assert answer.status == 201


async def test_a_cookie_and_a_token_that_disagree_are_refused(any_guarded: Web, sid: str) -> None:
    cookie = {"Cookie": f"doqchat-{sid}={token(sid, sub='invite:1')}"}
    async with opened(any_guarded, sid, token(sid, "B"), others=cookie) as client:
        assert await refused(client) == ("forbidden", 4403)
    bearer = {"Authorization": f"Bearer {token(sid, 'B')}"}
    answer = await asyncio.to_thread(calling_with, any_guarded, sid, cookie | bearer, "GET", HISTORY, None)
    assert (answer.status, answer.json["error"]["code"]) == (403, "forbidden")
    assert await connecting(any_guarded, sid, token(sid, sub="invite:1"), others=cookie) == "yes"


@pytest.mark.parametrize("cookie", ["", "x", token("another", exp=1), token("another", key=SHARED.upper())])
async def test_an_invalid_cookie_is_refused_alone_and_ignored_beside_a_token(
    guarded: Web, sid: str, cookie: str
) -> None:
    others = {"Cookie": f"doqchat-{sid}={cookie}"}
    assert await connecting(guarded, sid, others=others) == "unauthenticated"
    assert await connecting(guarded, sid, token(sid), others=others) == "yes"


def test_a_browser_keeps_its_newest_memberships(guarded: Web, api_key: str, sid: str) -> None:
    sids = [f"{sid}-{number}" for number in range(14)]
    with guest(guarded) as member:
        for each in sids:
            assert member.press(invite(guarded, each, api_key, name="가" * 40)["url"]).status_code == 302
        assert [each for each in sids if member.membership(each)] == sids[2:]
        assert member.open(f"/s/{sids[-1]}/").status_code == 200


def test_no_log_line_has_the_secret_of_a_link(any_guarded: Web, visitor: Guest, api_key: str, sid: str) -> None:
    links = [invite(any_guarded, sid, api_key)["url"] for _ in range(2)]
    with guest(any_guarded) as late:
        page = late.open(links[0])
        assert visitor.press(links[0]).status_code == 302
        assert late.press(links[0], page).status_code == 410
        assert late.press(links[1], late.open("/")).status_code == 403  # without the field against CSRF
        assert late.open(f"{links[1]}more").status_code == 404
    calling(any_guarded, sid, api_key, "GET", f"{HISTORY}?api_key={api_key}", None)
    printed = any_guarded.process.output
    assert "/i/…" in printed
    assert [secret for secret in (*(link.split("/")[4] for link in links), api_key) if secret in printed] == []
    assert Invite.objects.filter(digest=digest_of(links[0].split("/")[4])).exists()


def test_the_links_and_the_cookie_are_of_the_sites_address(
    access: dict[str, str], api_key: str, sid: str, django_db_setup: None
) -> None:
    with processes.web(**access, DOQCHAT_HTTPS="true", DOQCHAT_PATH="/chat/") as web:
        answer = calling(web, sid, api_key, "POST", f"/chat{SESSIONS}", {"sid": sid})
        links = [made["url"] for made in answer.json["invites"]]
        assert [link.startswith(f"https://{web.address}/chat/i/") for link in links] == [True, True]
        cookie = f"doqchat-{sid}={token(sid)}"
        origin = {"Origin": f"https://{web.address}", "Cookie": cookie}
        assert calling_with(web, sid, origin, "POST", f"/chat{MESSAGES}", SAYING).status == 201
