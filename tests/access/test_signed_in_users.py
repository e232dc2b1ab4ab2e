"""Users who are signed in to the site as members: they enter without a token, and leave with their login."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import override_settings

from doqchat.access import authorization
from doqchat.access.authorization import Authorization
from doqchat.access.principal import Principal
from doqchat.engine import Engine
from doqchat.errors import DoqchatError, Forbidden, Unauthenticated, Unavailable
from doqchat.fanout import logins
from doqchat.fanout.logins import Logins
from doqchat.fanout.member import Member
from doqchat.protocol.names import BASIC
from doqchat.sessions import Access
from tests.access.credentials import token
from tests.access.guests import guest
from tests.access.operations import (
    HISTORY,
    MESSAGES,
    REVOCATIONS,
    SAYING,
    calling,
    calling_with,
    connecting,
    opened,
    sending,
)
from tests.chat.conftest import cookie_of
from tests.chat.fetch import fetch
from tests.fanout.socket import Socket
from tests.processes import Store, Web

WITHIN_SECONDS = 2.0

Make = Callable[..., Any]


@pytest.fixture
def make_user(transactional_db: None) -> Make:
    """Creates a user with a last name, which tests.access.authorizing goes by."""

    def make(last_name: str = "A", **fields: Any) -> Any:
        return get_user_model().objects.create_user("minji", last_name=last_name, **fields)

    return make


@pytest.fixture
def same_site(guarded_store: Store) -> Iterator[None]:
    """Lets the test's own process be another one of the site."""
    ours = {"STORE_URLS": [guarded_store.url], "ACCESS": "token", "AUTHORIZE": "tests.access.authorizing.authorize"}
    with override_settings(DOQCHAT=settings.DOQCHAT | ours, CHANNEL_LAYERS=settings.CHANNEL_LAYERS):
        yield


def headers_of(user: Any) -> dict[str, str]:
    return {"Cookie": cookie_of(user)}


async def test_a_signed_in_user_enters_and_speaks_with_the_role_and_name_of_the_function(
    any_guarded: Web, make_user: Make, sid: str
) -> None:
    headers = await asyncio.to_thread(lambda: headers_of(make_user("B", first_name="민지")))
    async with opened(any_guarded, sid, others=headers, query="&role=B") as client:
        await client.recv_event("session.welcome")
        await client.say("hi", name="Ada")
        said = await client.recv_event("chat.message")
        assert (said["hd"]["role"], said["hd"]["name"]) == ("B", "민지")
    async with opened(any_guarded, sid, others=headers, query="&role=A") as client:
        assert (await client.recv())["bd"]["code"] == "role_forbidden"


@pytest.mark.parametrize(
    ("last_name", "code"),
    [
        ("nobody", "forbidden"),
        ("broken", "unavailable"),
        ("exiting", "unavailable"),
        ("stopping", "unavailable"),
        ("wrong", "unavailable"),
    ],
)
async def test_a_user_is_refused_by_the_function_and_by_its_failure_which_the_log_names(
    guarded: Web, make_user: Make, sid: str, last_name: str, code: str
) -> None:
    headers = await asyncio.to_thread(lambda: headers_of(make_user(last_name)))
    assert await connecting(guarded, sid, others=headers) == code
    answer = await asyncio.to_thread(calling_with, guarded, sid, headers, "GET", HISTORY, None)
    assert (answer.json["error"]["code"], answer.status) == (code, 403 if code == "forbidden" else 503)
    cause = {
        "broken": "failed: LookupError: no such course",
        "exiting": "failed: SystemExit: ",
        "stopping": "failed: RuntimeError: It raised StopIteration.",
        "wrong": "failed: TypeError: It returned dict",
    }
    if last_name in cause:
        assert f"AUTHORIZE tests.access.authorizing.authorize {cause[last_name]}" in guarded.process.output


@pytest.mark.parametrize("origin", [None, "https://elsewhere.example"])
async def test_a_page_of_another_site_can_neither_send_nor_connect_with_the_login(
    any_guarded: Web, make_user: Make, sid: str, origin: str | None
) -> None:
    cookie = await asyncio.to_thread(lambda: headers_of(make_user()))
    headers = cookie | ({} if origin is None else {"Origin": origin})
    sent = await asyncio.to_thread(calling_with, any_guarded, sid, headers, "POST", MESSAGES, SAYING)
    assert (sent.status, sent.json["error"]["code"]) == (403, "forbidden")
    assert await connecting(any_guarded, sid, others=headers) == ("yes" if origin is None else "forbidden")
    read = await asyncio.to_thread(calling_with, any_guarded, sid, cookie, "GET", HISTORY, None)
    assert (read.status, read.json["messages"]) == (200, [])


async def test_the_room_shows_its_history_to_a_signed_in_member_alone(guarded: Web, make_user: Make, sid: str) -> None:
    said = {"hd": {"event": "chat.message"}, "bd": {"text": "between us"}}
    await asyncio.to_thread(calling, guarded, sid, token(sid), "POST", MESSAGES, said)
    user = await asyncio.to_thread(make_user)
    headers = await asyncio.to_thread(headers_of, user)
    pages = [await asyncio.to_thread(fetch, guarded, f"/s/{sid}/", "GET", sent) for sent in (headers, {})]
    assert ["between us" in page.text for page in pages] == [True, False]


async def test_other_credentials_come_before_the_login(guarded: Web, make_user: Make, sid: str) -> None:
    login = (await asyncio.to_thread(lambda: headers_of(make_user("nobody"))))["Cookie"]
    assert await connecting(guarded, sid, token(sid), others={"Cookie": login}) == "yes"
    assert await connecting(guarded, sid, "x", others={"Cookie": login}) == "unauthenticated"
    member = {"Cookie": f"{login}; doqchat-{sid}={token(sid)}"}
    assert await connecting(guarded, sid, others=member) == "yes"
    expired = {"Cookie": f"{login}; doqchat-{sid}={token(sid, exp=1)}"}
    assert await connecting(guarded, sid, others=expired) == "forbidden"


@pytest.mark.parametrize("cookie", ["", "x", "a" * 32, "%00" * 20, '"\\000"', "한" * 8])
async def test_a_cookie_without_a_login_is_no_credential(guarded: Web, sid: str, cookie: str) -> None:
    others = {"Cookie": f"sessionid={cookie}".encode().decode("latin-1")}
    assert await connecting(guarded, sid, others=others) == "unauthenticated"


async def test_a_log_out_closes_the_sockets_of_that_login_on_every_process(
    guarded: Web, guarded_daphne: Web, make_user: Make, sid: str
) -> None:
    user = await asyncio.to_thread(make_user, is_staff=True)
    first, second = [await asyncio.to_thread(headers_of, user) for _ in range(2)]
    async with AsyncExitStack() as stack:
        ended, staying = [
            [await stack.enter_async_context(opened(web, sid, others=headers)) for web in (guarded, guarded_daphne)]
            for headers in (first, second)
        ]
        for client in (*ended, *staying):
            await client.recv_event("session.welcome")
        await asyncio.to_thread(log_out, guarded, first)
        async with asyncio.timeout(WITHIN_SECONDS):
            for client in ended:
                error = await client.recv_event("error")
                assert (error["bd"]["code"], await client.close_code()) == ("forbidden", 4403)
        for client in staying:
            assert await sending(client, "chat.message", {"text": "hi"}) == "yes"
    assert await connecting(guarded_daphne, sid, others=first) == "unauthenticated"


@pytest.mark.parametrize("subject", ["user", "all"])
async def test_a_revocation_keeps_a_signed_in_user_out_for_good(
    guarded: Web, make_user: Make, sid: str, subject: str
) -> None:
    user = await asyncio.to_thread(make_user)
    headers = await asyncio.to_thread(headers_of, user)
    what = {"all": True} if subject == "all" else {"sub": f"user:{user.pk}"}
    moderator = token(sid, "observer", can=["read", "moderate"], sub="staff")
    async with opened(guarded, sid, others=headers) as client:
        await client.recv_event("session.welcome")
        answer = await asyncio.to_thread(calling, guarded, sid, moderator, "POST", REVOCATIONS, what)
        assert answer.status == 204
        await client.recv_event("error")
        assert await client.close_code() == 4403
    assert await connecting(guarded, sid, others=await asyncio.to_thread(headers_of, user)) == "forbidden"


def log_out(web: Web, headers: Mapping[str, str]) -> None:
    with guest(web) as browser:
        browser.sign_in(headers["Cookie"].partition("=")[2])
        assert browser.press("/admin/logout/", browser.open("/admin/")).status_code == 200


def disable(user: Any) -> None:
    user.is_active = False
    user.save(update_fields=["is_active"])


def change_password(user: Any) -> None:
    user.set_password("another")
    user.save()


def rename(user: Any) -> None:
    user.last_name = "B"
    user.save()


@pytest.mark.usefixtures("same_site")
@pytest.mark.parametrize("change", [disable, change_password, rename, lambda user: user.delete()])
async def test_a_change_of_the_account_that_ends_the_access_closes_its_sockets_on_every_process(
    guarded: Web, guarded_daphne: Web, make_user: Make, sid: str, change: Callable[[Any], Any]
) -> None:
    user = await asyncio.to_thread(make_user)
    headers = await asyncio.to_thread(headers_of, user)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(opened(web, sid, others=headers)) for web in (guarded, guarded_daphne)
        ]
        for client in clients:
            await client.recv_event("session.welcome")
        await asyncio.to_thread(change, user)
        async with asyncio.timeout(WITHIN_SECONDS):
            for client in clients:
                await client.recv_event("error")
                assert await client.close_code() == 4403


@pytest.mark.usefixtures("same_site")
async def test_a_change_that_leaves_the_access_renews_its_name(guarded: Web, make_user: Make, sid: str) -> None:
    user = await asyncio.to_thread(make_user, first_name="Minji")
    headers = await asyncio.to_thread(headers_of, user)
    async with opened(guarded, sid, others=headers) as client:
        await client.recv_event("session.welcome")
        user.first_name = "Jiho"
        await user.asave()
        async with asyncio.timeout(WITHIN_SECONDS):
            name = "Minji"
            while name != "Jiho":
                await client.say("hi")
                name = (await client.recv_event("chat.message"))["hd"]["name"]


def user_principal(**fields: Any) -> Principal:
    return Principal("room", "A", frozenset({"read"}), subject="user:1", login="key", **fields)


def member_of(principal: Principal) -> tuple[Member, "asyncio.Future[int]"]:
    dropped: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    member = Member(Socket(sid="room").write, principal=principal, profile=BASIC, on_drop=dropped.set_result)
    member.release()
    return member, dropped


async def test_an_end_of_the_access_that_was_not_announced_is_found_soon(
    monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    monkeypatch.setattr(logins, "RECHECK_SECONDS", 0.01)
    outcomes: list[DoqchatError | None] = [None, Unavailable("away"), None, Unauthenticated("logged out")]

    async def authenticate(known: Principal) -> Principal:
        if outcome := outcomes.pop(0):
            raise outcome
        return user_principal(name="renewed")

    watching = Logins(next(iter(engine.shards)), authenticate)
    member, dropped = member_of(user_principal(address="192.0.2.1"))
    await watching.follow(member)
    assert await asyncio.wait_for(dropped, WITHIN_SECONDS) == Forbidden.close_code
    assert (outcomes, member.principal.name, member.principal.address) == ([], "renewed", "192.0.2.1")
    watching.forget(member)
    await watching.close()


async def test_a_change_before_the_first_connection_has_subscribed_is_found_at_once(engine: Engine) -> None:
    async def authenticate(known: Principal) -> Principal:
        raise Unauthenticated("logged out")

    watching = Logins(next(iter(engine.shards)), authenticate)
    member, dropped = member_of(user_principal())
    await watching.follow(member)
    assert await asyncio.wait_for(dropped, WITHIN_SECONDS) == Forbidden.close_code
    await watching.close()


async def test_a_connection_that_was_authenticated_just_before_a_log_out_is_closed(engine: Engine) -> None:
    async def authenticate(known: Principal) -> Principal:
        return known

    watching = Logins(next(iter(engine.shards)), authenticate)
    early, early_dropped = member_of(user_principal())
    late, late_dropped = member_of(user_principal())
    await watching.follow(early)
    await watching.announce_logout("key")
    assert await asyncio.wait_for(early_dropped, WITHIN_SECONDS) == Forbidden.close_code
    await watching.follow(late)
    assert late_dropped.done()
    await watching.close()


@pytest.mark.parametrize("name", ["authorize", "authorize_later", "authorizing"])
async def test_the_function_may_be_asynchronous_or_an_object(make_user: Make, name: str) -> None:
    key = (await asyncio.to_thread(lambda: headers_of(make_user("observer"))))["Cookie"].partition("=")[2]
    principal = await Authorization(f"tests.access.authorizing.{name}").principal("room", key)
    assert principal is not None
    assert (principal.role, principal.can, principal.login) == ("observer", {"read", "moderate"}, key)


async def test_a_function_that_takes_too_long_refuses(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, make_user: Make
) -> None:
    key = (await asyncio.to_thread(lambda: headers_of(make_user())))["Cookie"].partition("=")[2]
    monkeypatch.setattr(authorization, "AUTHORIZE_SECONDS", 0.1)
    with pytest.raises(Unavailable):
        await Authorization("tests.access.authorizing.authorize_slowly").principal("room", key)
    assert "AUTHORIZE tests.access.authorizing.authorize_slowly has taken longer" in caplog.text


@pytest.mark.parametrize(
    "given",
    [
        {"role": "llm"},
        {"role": "teacher"},
        {"role": "A", "can": ["fly"]},
        {"role": "observer", "can": ["send"]},
        {"role": "A", "name": ""},
        {"role": "A", "name": "a@b"},
        {"role": "A", "name": "a" * 41},
    ],
)
def test_access_that_a_token_could_not_give_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"role|can|name"):
        Access(**given)
