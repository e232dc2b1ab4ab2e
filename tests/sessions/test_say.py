"""What Django code says in a session, from each place that it runs in."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from django.utils.safestring import mark_safe

from doqchat.engine import Engine
from doqchat.errors import Conflict, DoqchatError, InvalidMessage, RoleForbidden
from doqchat.protocol import server
from doqchat.sessions import aask, asay, ask, group_name, say
from doqchat.store import keys
from tests.chat.commands import clean
from tests.chat.terminal import SHELL
from tests.conftest import Connect
from tests.docs.pages import blocks
from tests.processes import ROOT, Store, Web, completed


def view(request: HttpRequest, sid: str) -> HttpResponse:
    return HttpResponse(say(sid, "said by a view"))


urlpatterns = [path("say/<str:sid>/", view)]


def said(store: "redis.Redis", sid: str) -> list[tuple[str, str, str]]:
    """The id, the role and the words of each event."""
    return [
        (entry_id, fields["participant"], getattr(server.read_stored(fields["body"]), "text", ""))
        for entry_id, fields in store.xrange(keys.stream(sid))
    ]


def program(page: Path) -> str:
    """The page's program that says something."""
    (found,) = (block.text for block in blocks(page) if block.tags == ("django",))
    return found


def connections(store: "redis.Redis") -> int:
    return len(store.client_list())


@pytest.fixture
def private_client(own_store: Store) -> Iterator["redis.Redis"]:
    """A client of a store that nothing else is connected to, which Django code talks to."""
    with (
        override_settings(DOQCHAT={"STORE_URLS": [own_store.url]}),
        closing(redis.Redis.from_url(own_store.url, decode_responses=True)) as client,
    ):
        yield client


@override_settings(ROOT_URLCONF="tests.sessions.test_say", MIDDLEWARE=[])
def test_a_view_speaks_under_wsgi(store: "redis.Redis", sid: str) -> None:
    entry_id = Client().get(f"/say/{sid}/").content.decode()
    assert said(store, sid) == [(entry_id, "user", "said by a view")]


@override_settings(ROOT_URLCONF="tests.sessions.test_say", MIDDLEWARE=[])
async def test_a_synchronous_view_speaks_under_asgi(engine: Engine, store: "redis.Redis", sid: str) -> None:
    entry_id = (await AsyncClient().get(f"/say/{sid}/")).content.decode()
    assert said(store, sid) == [(entry_id, "user", "said by a view")]


def test_the_program_of_the_page_speaks_and_asks(store: "redis.Redis", sid: str) -> None:
    english, korean = (program(ROOT / "docs" / language / "django.md") for language in ("en", "ko"))
    assert english == korean
    printed = completed([*SHELL, "-c", english.replace("room001", sid)], clean(os.environ))
    assert (printed.returncode, printed.stdout, printed.stderr) == (0, "True\n", "")
    words = [(role, text) for _, role, text in said(store, sid)]
    assert words == [("B", "The document is ready."), ("A", "Summarise the document.")]


async def test_messages_from_django_code_reach_the_sockets(
    server: Web, connect: Connect, engine: Engine, sid: str
) -> None:
    listener = await connect(server, sid)
    entry_id = await asay(sid, "안녕하세요", role="A", msg_id="m1")
    frame = await listener.recv()
    assert (frame["hd"]["id"], frame["hd"]["role"], frame["hd"]["msg_id"]) == (entry_id, "A", "m1")
    assert await sync_to_async(say)(sid, "안녕하세요", role="A", msg_id="m1") == entry_id


async def test_a_thread_with_a_running_loop_gets_an_error_that_names_the_coroutine(engine: Engine, sid: str) -> None:
    with pytest.raises(RuntimeError, match="await"):
        say(sid, "this would block the loop")


def test_calls_without_a_loop_leave_no_connections(private_client: "redis.Redis", sid: str) -> None:
    say(sid, "scripts are loaded")
    before = connections(private_client)
    for number in range(5):
        say(sid, str(number))
        async_to_sync(get_channel_layer().group_send)(group_name(sid), {"type": "session.signal", "text": "{}"})
    with ThreadPoolExecutor(4) as threads:
        ids = list(threads.map(lambda number: say(sid, f"thread {number}"), range(8)))
    asyncio.run(asay(sid, "asyncio.run"))
    assert connections(private_client) == before
    assert {entry_id for entry_id, _, _ in said(private_client, sid)} >= set(ids)
    assert private_client.xlen(keys.stream(sid)) == 15


def test_the_model_is_asked(store: "redis.Redis", sid: str) -> None:
    first = ask(sid, "What is a Redis Stream?", role="A", msg_id="q1")
    second = asyncio.run(aask(sid, "And a group?", llm="default"))
    assert said(store, sid) == [(first, "A", "What is a Redis Stream?"), (second, "user", "And a group?")]
    assert store.smembers(keys.replies(sid)) == {f"r{first}", f"r{second}"}


def test_the_text_may_be_marked_safe(store: "redis.Redis", sid: str) -> None:
    say(sid, mark_safe("<b>text</b>"))
    assert [text for _, _, text in said(store, sid)] == ["<b>text</b>"]


@pytest.mark.parametrize(
    ("arguments", "options", "problem", "field"),
    [
        (("not a sid", "x"), {}, InvalidMessage, "sid"),
        ((5, "x"), {}, InvalidMessage, "sid"),
        (("{sid}", ""), {}, InvalidMessage, "bd.text"),
        (("{sid}", "x" * 8_001), {}, InvalidMessage, "bd.text"),
        (("{sid}", 5), {}, InvalidMessage, "bd.text"),
        (("{sid}", "\ud800"), {}, InvalidMessage, "bd.text"),
        (("{sid}", "x"), {"role": "llm"}, RoleForbidden, "hd.role"),
        (("{sid}", "x"), {"role": "teacher"}, InvalidMessage, "hd.role"),
        (("{sid}", "x"), {"msg_id": "é"}, InvalidMessage, "hd.msg_id"),
    ],
)
def test_what_cannot_be_said_raises(
    store: "redis.Redis", sid: str, arguments: tuple[Any, ...], options: Any, problem: type[DoqchatError], field: str
) -> None:
    session, text = arguments
    with pytest.raises(problem) as raised:
        say(sid if session == "{sid}" else session, text, **options)
    assert raised.value.field == field
    assert not store.exists(keys.stream(sid))


def test_what_cannot_be_asked_raises(store: "redis.Redis", sid: str) -> None:
    for options in ({"prompt": " "}, {"prompt": "x", "llm": "nobody"}):
        with pytest.raises(InvalidMessage):
            ask(sid, **options)
    ask(sid, "x", msg_id="q1")
    with pytest.raises(Conflict):
        ask(sid, "y", msg_id="q1")
    assert store.xlen(keys.stream(sid)) == 1
