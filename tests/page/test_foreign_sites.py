"""Cross-site WebSocket hijacking and request forgery: pages of other origins in the browser of a member."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model

from doqchat.store import keys
from tests import processes
from tests.access.credentials import SHARED, token
from tests.chat.conftest import cookie_of
from tests.chat.sessions import write_messages
from tests.page.conftest import OpenWindow
from tests.page.foreign_site import ATTACK, FORM, foreign_site
from tests.page.window import Window
from tests.processes import Web

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGE = {"hd": {"event": "chat.message", "msg_id": "forged"}, "bd": {"text": "forged"}}


@pytest.fixture(scope="module")
def guarded(store_url: str, django_db_setup: None) -> Iterator[Web]:
    """A site that admits holders of tokens and memberships, and signed-in users."""
    admitting = {"DOQCHAT_AUTHORIZE": "tests.access.authorizing.authorize"}
    with processes.web(DOQCHAT_ACCESS="token", DOQCHAT_TOKEN_KEY=SHARED, **admitting) as web:
        yield web


@pytest.fixture(scope="module")
def foreign() -> Iterator[int]:
    with foreign_site() as port:
        yield port


async def enter(window: Window, principal: str, sid: str) -> None:
    """Give the browser the cookie of a member of the session, or of a signed-in user who is one."""
    if principal == "member":
        name, value = f"doqchat-{sid}", token(sid, sub="invite:1")
    else:
        name, value = (await sync_to_async(signed_in)()).split("=")
    cookie: Any = {"name": name, "value": value, "url": window.base, "httpOnly": True, "sameSite": "Lax"}
    await window.context.add_cookies([cookie])


def signed_in() -> str:
    return cookie_of(get_user_model().objects.create_user("minji", last_name="A"))


@pytest.mark.parametrize("principal", ["member", "user"])
async def test_pages_of_other_origins_neither_read_nor_write_with_the_cookie_of_a_member(
    open_window: OpenWindow, guarded: Web, store: "redis.Redis", foreign: int, sid: str, principal: str
) -> None:
    write_messages(store, sid, ("B", "between us"))
    window = await open_window(guarded)
    await enter(window, principal, sid)
    target = {"http": guarded.http, "ws": guarded.ws, "sid": sid, "message": MESSAGE}
    for host, refusal in (("127.0.0.1", 403), ("localhost", 401)):  # Lax cookies go to other ports, not to other hosts
        await window.page.goto(f"http://{host}:{foreign}/")
        [(frames, code), *calls] = await window.page.evaluate(ATTACK, target)
        assert ("forbidden" in frames, "session.welcome" in frames, code) == (True, False, 4403)
        assert calls == [[0, ""]] * len(calls)
        async with window.page.expect_navigation() as navigation:
            await window.page.evaluate(FORM, target)
        assert (await (await navigation.value).json())["error"]["code"] in ("forbidden", "unauthenticated")
        assert (await navigation.value).status == refusal
    assert store.xlen(keys.stream(sid)) == 1
    assert store.hgetall(keys.settings(sid)) == {}
    window.complaints.clear()  # Chromium notes each refusal


@pytest.mark.parametrize("principal", ["member", "user"])
async def test_the_same_page_on_the_site_itself_reads_and_writes(
    open_window: OpenWindow, guarded: Web, store: "redis.Redis", sid: str, principal: str
) -> None:
    write_messages(store, sid, ("B", "between us"))
    window = await open_window(guarded)
    await enter(window, principal, sid)
    await window.page.goto(f"{guarded.http}/healthz")
    target = {"http": guarded.http, "ws": guarded.ws, "sid": sid, "message": MESSAGE}
    [(frames, _), *calls] = await window.page.evaluate(ATTACK, target)
    assert ("between us" in frames, "session.welcome" in frames) == (True, True)
    assert [status for status, _ in calls] == [200, 200, 200, 400, 200]
    assert store.xlen(keys.stream(sid)) == 2
    window.complaints.clear()  # Chromium notes the 400
