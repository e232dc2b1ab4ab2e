"""What is sent: acknowledged, stored once, in order, or refused with an error of its own class."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from doqchat_client import Message, Read, ServerError, Session, Typing, Unavailable, Undelivered, connect
from doqchat_client.exceptions import (
    BY_CODE,
    Closed,
    Conflict,
    InvalidJSON,
    InvalidMessage,
    NotFound,
    QueueFull,
    RoleForbidden,
    TooLarge,
    Unreachable,
)

from doqchat.errors import DoqchatError
from tests import processes
from tests.doqchat_client.session_log import WITHIN, SessionLog, durable_ids, read_to, read_until
from tests.ports import free_port
from tests.processes import Web
from tests.proxy import Proxy


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth else []


async def test_send_returns_the_id_of_what_is_stored(server: Web, sid: str, log: SessionLog) -> None:
    async with connect(server.ws, sid, role="A") as chat:
        sent = await chat.send("안녕하세요! 😊")
        assert (log.ids(), log.texts()) == ([sent.id], ["안녕하세요! 😊"])
        assert not sent.duplicate


async def test_a_sender_sees_its_own_message_as_the_others_do(server: Web, sid: str) -> None:
    async with connect(server.ws, sid, role="A") as a, connect(server.ws, sid, role="B") as b:
        sent = await a.send("hello")
        for chat in (a, b):
            said = (await read_to(chat, sent.id))[-1]
            assert (said.event, said.role, said.bd["text"]) == ("chat.message", "A", "hello")


async def test_a_msg_id_used_again_gives_the_first_entry(server: Web, sid: str, log: SessionLog) -> None:
    async with connect(server.ws, sid) as chat:
        first = await chat.send("once", msg_id="m-1")
        assert await chat.send("once", msg_id="m-1") == (first.id, True)
    assert log.ids() == [first.id]


async def test_a_msg_id_used_for_another_text_is_a_conflict(server: Web, sid: str) -> None:
    async with connect(server.ws, sid) as chat:
        await chat.send("one", msg_id="m-1")
        with pytest.raises(Conflict) as refused:
            await chat.send("two", msg_id="m-1")
    assert (refused.value.code, refused.value.msg_id) == ("conflict", "m-1")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda chat: chat.send(""), InvalidMessage),
        (lambda chat: chat.send("x" * 8_001), InvalidMessage),
        (lambda chat: chat.send("x" * 70_000), TooLarge),
        (lambda chat: chat.send("half an emoji: \ud83d"), InvalidMessage),
        (lambda chat: chat.send("hi", msg_id="\n"), InvalidMessage),
        (lambda chat: chat.send("hi", bd={"deep": nested(16)}), InvalidJSON),
        (lambda chat: chat.send("hi", bd={"number": float("nan")}), InvalidJSON),
        (lambda chat: chat.send("hi", bd={"number": 10**400}), InvalidJSON),
        (lambda chat: chat.send("hi", hd={"role": "llm"}), RoleForbidden),
        (lambda chat: chat.ask(""), InvalidMessage),
        (lambda chat: chat.mark_read("1-1"), NotFound),
        (lambda chat: chat.mark_read("yesterday"), InvalidMessage),
        (lambda chat: chat.cancel("r1-1"), NotFound),
    ],
)
async def test_a_refusal_raises_its_own_class_and_the_session_continues(
    server: Web, sid: str, log: SessionLog, call: Callable[[Session], Awaitable[object]], error: type[ServerError]
) -> None:
    async with connect(server.ws, sid, role="A") as chat:
        with pytest.raises(error):
            await call(chat)
        sent = await chat.send("still here")
    assert log.ids() == [sent.id]


def test_every_code_of_the_server_has_a_class_here() -> None:
    assert {kind.code for kind in DoqchatError.__subclasses__()} <= set(BY_CODE)


async def test_read_receipts_and_typing_are_relayed_to_the_others(server: Web, sid: str) -> None:
    async with connect(server.ws, sid, role="A") as a, connect(server.ws, sid, role="B") as b:
        await b.mark_read()
        sent = await a.send("read this")
        await read_to(b, sent.id)
        await b.mark_read()
        b.typing()
        heard = {type(event): event for event in await read_until(a, lambda event: isinstance(event, Typing))}
    read, typing = heard[Read], heard[Typing]
    assert (read.role, read.up_to) == ("B", sent.id)
    assert (typing.role, typing.active, typing.durable) == ("B", True, False)


async def test_further_fields_of_the_envelope_reach_the_others(server: Web, sid: str) -> None:
    async with connect(server.ws, sid, role="A") as chat:
        sent = await chat.send("hello", hd={"name": "Kim"}, bd={"mood": ["good", 1]})
        said = (await read_to(chat, sent.id))[-1]
        assert isinstance(said, Message)
        assert (said.text, said.hd["name"], said.bd["mood"]) == ("hello", "Kim", ["good", 1])
        for taken in ({"hd": {"msg_id": "m-1"}}, {"hd": {"id": "1-1"}}, {"bd": {"text": "other"}}):
            with pytest.raises(ValueError, match=next(iter(taken))):
                await chat.send("hello", **taken)


async def test_sends_of_many_tasks_keep_their_order_over_cut_lines(line: Proxy, sid: str, log: SessionLog) -> None:
    said: list[str] = []
    number = count()
    line.cut_within = 8_000
    async with connect(line.ws, sid, role="A") as chat:

        async def talk() -> None:
            for _ in range(10):
                said.append(f"message {next(number)}")
                await chat.send(said[-1])

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(talk())
    assert log.texts() == said
    assert line.cuts > 0


async def test_more_than_the_outbox_holds_is_refused_and_the_rest_arrives(
    line: Proxy, sid: str, log: SessionLog
) -> None:
    async with connect(line.ws, sid, max_pending=3) as chat:
        line.hold()
        sending = [asyncio.create_task(chat.send(text)) for text in "abc"]
        await log.next_stored()
        with pytest.raises(QueueFull):
            await chat.send("d")
        line.cut()
        line.release()
        sent = await asyncio.gather(*sending)
    assert [one.duplicate for one in sent] == [True, False, False]
    assert log.texts() == ["a", "b", "c"]


async def test_a_deadline_without_an_answer_names_the_msg_id_to_send_again(
    line: Proxy, sid: str, log: SessionLog
) -> None:
    async with connect(line.ws, sid, timeout=0.5) as chat:
        line.hold()
        with pytest.raises(Undelivered) as late:
            await chat.send("did it arrive?")
        line.release()
        sent = await chat.send("did it arrive?", msg_id=late.value.msg_id)
    assert log.ids() == [sent.id]


async def test_a_send_that_is_given_up_leaves_the_next_ones_alone(line: Proxy, sid: str, log: SessionLog) -> None:
    async with connect(line.ws, sid) as chat:
        line.hold()
        sending = [asyncio.create_task(chat.send(text)) for text in "abc"]
        await log.next_stored()
        sending[1].cancel()
        line.release()
        await asyncio.gather(sending[0], sending[2])
    assert log.texts() == ["a", "c"]


async def test_closing_ends_what_waits_and_what_comes_later(line: Proxy, sid: str) -> None:
    async with connect(line.ws, sid) as chat:
        line.hold()
        sending = asyncio.create_task(chat.send("never mind"))
        await asyncio.sleep(0)
    for waiting in (sending, chat.send("too late")):
        with pytest.raises(Closed):
            await waiting
    assert [event.event async for event in chat if event.durable] == []


@pytest.mark.slow
async def test_sends_wait_in_order_while_the_store_is_unreachable(
    tmp_path: Path, sid: str, django_db_setup: None
) -> None:
    directory, port = tmp_path / "valkey", free_port()
    texts = ["one", "two", "three"]
    with processes.web(DOQCHAT_REDIS_URL=f"redis://127.0.0.1:{port}/0") as web:
        with processes.valkey(directory, port):
            reader = await connect(web.ws, sid)
            writer = await connect(web.ws, sid, role="A")
            hasty = await connect(web.ws, sid, timeout=3.0)
            await writer.send("zero")
        sending = [asyncio.create_task(writer.send(text)) for text in texts]
        hasty_calls = (hasty.send("now or never"), hasty.mark_read("1-1"), hasty.cancel("r1-1"))
        for outcome in await asyncio.gather(*hasty_calls, return_exceptions=True):
            assert isinstance(outcome, Unavailable)
        with processes.valkey(directory, port):
            sent = await asyncio.gather(*sending)
            events = await read_to(reader, sent[-1].id)
            for chat in (reader, writer, hasty):
                await chat.close()
    assert [event.bd["text"] for event in events if event.durable] == ["zero", *texts]
    assert durable_ids(events)[1:] == [one.id for one in sent]


async def test_a_server_on_this_machine_is_reached_past_the_environments_proxy(
    server: Web, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    async with asyncio.timeout(WITHIN), connect(server.ws, sid) as chat:
        assert (await chat.send("hello")).id


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://localhost:3000"},
        {"url": "localhost:3000"},
        {"url": "ws://localhost:3000?token=c2VjcmV0"},
        {"token": "c2VjcmV0 "},
        {"since": "yesterday"},
        {"max_queue": 0},
    ],
    ids=json.dumps,
)
def test_arguments_that_cannot_be_meant_are_refused_at_once(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))) as refused:
        connect(**{"url": "ws://localhost:3000", "sid": "room001"} | wrong)
    assert "c2VjcmV0" not in str(refused.value)


async def test_a_server_that_cannot_be_reached_is_named_when_the_time_is_up(sid: str) -> None:
    with pytest.raises(Unreachable, match=r"within 0\.3 s: no connection"):
        async with connect(f"ws://127.0.0.1:{free_port()}", sid, open_timeout=0.3):
            pass
