"""What a sender is told became of it is true; what nobody can know is not claimed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from doqchat_client import Client, Closed, Conflict, Rejected, SessionClosed, Unavailable, Undelivered

from tests import processes
from tests.doqchat_client.relay import Relay
from tests.doqchat_client.session_log import WITHIN, SessionLog, read_until
from tests.processes import Web
from tests.proxy import Proxy

Frame = dict[str, Any]
Line = Callable[[Frame], list[Frame] | None]
Call = Callable[[Client], Awaitable[object]]


def refusal(frame: Frame, code: str) -> list[Frame]:
    """An `error` about a client's frame."""
    return [{"hd": {"event": "error"}, "bd": {"code": code, "message": "No.", "msg_id": frame["hd"]["msg_id"]}}]


def in_turn(*codes: str) -> tuple[Line, asyncio.Event]:
    """Answers messages with these errors in turn, the last one over and over; an empty code is no answer at all.

    The event is set when the first has come.
    """
    left, first = list(codes), asyncio.Event()

    def answer(frame: Frame) -> list[Frame] | None:
        if frame["hd"]["event"] != "chat.message":
            return None
        first.set()
        code = left.pop(0) if len(left) > 1 else left[0]
        return refusal(frame, code) if code else []

    return answer, first


ACTIONS: tuple[Call, ...] = (lambda chat: chat.read("1-1"), lambda chat: chat.cancel("r1-1"))


@pytest.mark.parametrize("act", ACTIONS, ids=["read", "cancel"])
async def test_an_action_that_the_store_cannot_take_does_not_count_as_done(
    tmp_path: Path, sid: str, django_db_setup: None, act: Call
) -> None:
    port = processes.free_port()
    with processes.web(DOQCHAT_REDIS_URL=f"redis://127.0.0.1:{port}/0") as web:
        with processes.valkey(tmp_path / "valkey", port):
            chat = await Client(web.ws, sid=sid, role="A", deadline=3.0).__aenter__()
        with pytest.raises(Unavailable):
            await act(chat)
        await chat.close()


async def test_an_action_that_was_put_off_is_done_when_it_returns(relay: Relay, server: Web, sid: str) -> None:
    async with Client(relay.ws, sid=sid, role="A") as a, Client(server.ws, sid=sid, role="B") as b:
        sent = await a.send("read this")
        left = ["unavailable", "unavailable"]
        relay.answers = lambda frame: (
            refusal(frame, left.pop()) if frame["hd"]["event"] == "chat.read" and left else None
        )
        await a.read(sent.id)
        assert relay.heard.count("chat.read") == 3
        await read_until(b, lambda event: event.event == "chat.read")


async def test_a_pong_that_comes_late_does_not_answer_the_next_try(relay: Relay, sid: str) -> None:
    late: list[Frame] = []

    def answer(frame: Frame) -> list[Frame] | None:
        if frame["hd"]["event"] == "chat.read":
            return refusal(frame, "unavailable")
        late.append(frame)
        pong = {"hd": {"event": "pong"}, "bd": late[0]["bd"]}
        return [pong] if len(late) > 1 else []

    relay.answers = answer
    async with Client(relay.ws, sid=sid, deadline=1.0) as chat:
        with pytest.raises(Unavailable):
            await chat.read("1-1")
    assert relay.heard.count("chat.read") == 1


async def test_a_refusal_says_nothing_of_an_earlier_try_that_got_no_answer(relay: Relay, sid: str) -> None:
    relay.answers, first = in_turn("", "unavailable")
    async with Client(relay.ws, sid=sid, deadline=3.0) as chat:
        sending = asyncio.create_task(chat.send("perhaps", msg_id="m-1"))
        await first.wait()
        await relay.close(1012)
        with pytest.raises(Undelivered) as unknown:
            await sending
    assert unknown.value.msg_id == "m-1"
    assert relay.heard.count("chat.message") > 1


@pytest.mark.parametrize(("code", "error"), [("rejected", Undelivered), ("conflict", Conflict)])
async def test_after_a_try_without_an_answer_only_a_conflict_is_certain(
    relay: Relay, sid: str, code: str, error: type[Exception]
) -> None:
    relay.answers, first = in_turn("", code)
    async with Client(relay.ws, sid=sid) as chat:
        sending = asyncio.create_task(chat.send("perhaps"))
        await first.wait()
        await relay.close(1012)
        with pytest.raises(error) as refused:
            await sending
    assert isinstance(refused.value.__cause__ or refused.value, Rejected | Conflict)


async def test_when_every_try_was_refused_it_is_certain(relay: Relay, sid: str) -> None:
    relay.answers, _ = in_turn("unavailable", "unavailable", "rejected")
    async with Client(relay.ws, sid=sid) as chat:
        with pytest.raises(Rejected):
            await chat.send("no")


async def test_a_session_that_closes_leaves_unknown_what_was_under_way_and_nothing_else(relay: Relay, sid: str) -> None:
    relay.answers, first = in_turn("")
    async with Client(relay.ws, sid=sid) as chat:
        sending = [asyncio.create_task(chat.send(text)) for text in ("under way", "behind it")]
        await first.wait()
        relay.refuses = ({"code": "session_closed", "message": "This session is closed."}, 4410)
        await relay.close(1012)
        under_way, behind = await asyncio.gather(*sending, return_exceptions=True)
    assert isinstance(under_way, Undelivered)
    assert isinstance(under_way.__cause__, SessionClosed)
    assert isinstance(behind, SessionClosed)


async def test_the_answer_to_what_was_given_up_is_not_taken_for_the_next_ones(
    line: Proxy, sid: str, log: SessionLog
) -> None:
    async with Client(line.ws, sid=sid, deadline=0.5) as chat:
        line.hold()
        with pytest.raises(Undelivered):
            await chat.send("one", msg_id="m-1")
        again = asyncio.create_task(chat.send("two", msg_id="m-1"))
        await asyncio.sleep(0)
        line.release()
        with pytest.raises(Conflict):
            await again
        await chat.send("three")
    assert log.texts() == ["one", "three"]


async def test_what_was_given_up_is_not_sent_again(relay: Relay, sid: str, log: SessionLog) -> None:
    relay.answers, first = in_turn("")
    async with Client(relay.ws, sid=sid, outbox=1) as chat:
        sending = asyncio.create_task(chat.send("never mind"))
        await first.wait()
        sending.cancel()
        relay.answers = lambda frame: None
        await relay.close(1012)
        await read_until(chat, lambda event: event.event == "session.welcome" and len(relay.requests) > 1)
        await chat.send("this")
    assert log.texts() == ["this"]


async def test_a_close_that_is_interrupted_still_ends_what_waits(line: Proxy, sid: str) -> None:
    chat = await Client(line.ws, sid=sid).__aenter__()
    line.hold()
    sending = asyncio.create_task(chat.send("never mind"))
    await asyncio.sleep(0)
    closing = asyncio.create_task(chat.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(Closed):
        async with asyncio.timeout(WITHIN):
            await sending
    await chat.close()
