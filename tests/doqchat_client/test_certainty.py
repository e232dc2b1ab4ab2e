"""What a sender is told became of it is true; what cannot be known is not claimed."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from doqchat_client import Read, State, Unavailable, Undelivered, Welcome, connect, exchange
from doqchat_client.exceptions import Closed, Conflict, Internal, InvalidMessage, NotFound, Rejected, SessionClosed

from tests.doqchat_client.relay import Relay
from tests.doqchat_client.session_log import WITHIN, SessionLog, read_until
from tests.ports import free_port
from tests.processes import Web
from tests.proxy import Proxy

Frame = dict[str, Any]
Line = Callable[[Frame], list[Frame] | None]


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


@pytest.mark.parametrize("code", ["unavailable", "rate_limited"])
@pytest.mark.parametrize("about", ["chat.read", "ping"])
async def test_a_delayed_action_is_done_when_it_returns(
    relay: Relay, server: Web, sid: str, code: str, about: str
) -> None:
    async with connect(relay.ws, sid, role="A") as a, connect(server.ws, sid, role="B") as b:
        sent = await a.send("read this")
        left = [code]
        relay.answers = lambda frame: refusal(frame, left.pop()) if frame["hd"]["event"] == about and left else None
        await a.mark_read(sent.id)
        assert relay.heard.count("chat.read") == 2
        await read_until(b, lambda event: isinstance(event, Read) and event.up_to == sent.id)


class Silent:
    """Refuses what is sent, and answers no more of it than a server does: 50 refusals within a second.

    Attributes:
        unanswered: how many it refused without a word.
    """

    def __init__(self) -> None:
        self.unanswered = 0
        self._refused: deque[float] = deque(maxlen=50)

    def answer(self, frame: Frame) -> list[Frame]:
        if frame["hd"]["event"] == "ping":
            return [{"hd": {"event": "pong"}, "bd": frame["bd"]}]
        now = asyncio.get_running_loop().time()
        if len(self._refused) == 50 and now - self._refused[0] < 1.0:
            self.unanswered += 1
            return []
        self._refused.append(now)
        return refusal(frame, "not_found" if frame["hd"]["event"] == "chat.read" else "invalid_message")


async def test_nothing_is_taken_for_done_because_a_server_no_longer_says_no(
    relay: Relay, sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "REFUSAL_WINDOW", 1.0)
    silent = Silent()
    relay.answers = silent.answer
    async with connect(relay.ws, sid) as chat:
        for _ in range(35):
            with pytest.raises(InvalidMessage):
                await chat.send("")
            with pytest.raises(NotFound):
                await chat.mark_read("1-1")
    assert silent.unanswered == 0


async def test_a_pong_that_comes_late_does_not_answer_the_next_try(relay: Relay, sid: str) -> None:
    late: list[Frame] = []

    def answer(frame: Frame) -> list[Frame] | None:
        if frame["hd"]["event"] == "chat.read":
            return refusal(frame, "unavailable")
        late.append(frame)
        pong = {"hd": {"event": "pong"}, "bd": late[0]["bd"]}
        return [pong] if len(late) > 1 else []

    relay.answers = answer
    async with connect(relay.ws, sid, timeout=1.0) as chat:
        with pytest.raises(Unavailable):
            await chat.mark_read("1-1")
    assert relay.heard.count("chat.read") == 1


@pytest.mark.slow
async def test_a_refusal_says_nothing_of_an_earlier_try_that_got_no_answer(relay: Relay, sid: str) -> None:
    relay.answers, first = in_turn("", "unavailable")
    async with connect(relay.ws, sid, timeout=3.0) as chat:
        sending = asyncio.create_task(chat.send("perhaps"))
        await first.wait()
        await relay.close(1012)
        with pytest.raises(Undelivered) as unknown:
            await sending
    assert isinstance(unknown.value.__cause__, Unavailable)
    assert relay.heard.count("chat.message") > 1


@pytest.mark.parametrize(("code", "error"), [("rejected", Undelivered), ("conflict", Conflict)])
async def test_after_a_try_without_an_answer_only_a_conflict_is_certain(
    relay: Relay, sid: str, code: str, error: type[Exception]
) -> None:
    relay.answers, first = in_turn("", code)
    async with connect(relay.ws, sid) as chat:
        sending = asyncio.create_task(chat.send("perhaps"))
        await first.wait()
        await relay.close(1012)
        with pytest.raises(error) as refused:
            await sending
    assert isinstance(refused.value.__cause__ or refused.value, Rejected | Conflict)


async def test_when_every_try_was_refused_it_is_certain(relay: Relay, sid: str) -> None:
    relay.answers, _ = in_turn("unavailable", "unavailable", "rejected")
    async with connect(relay.ws, sid) as chat:
        with pytest.raises(Rejected):
            await chat.send("no")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("unavailable", Undelivered),
        ("rejected", Undelivered),
        ("internal", Undelivered),
        ("conflict", Conflict),
        ("invalid_message", InvalidMessage),
    ],
)
async def test_what_may_have_been_sent_before_is_not_said_to_be_missing_because_it_is_refused_now(
    relay: Relay, sid: str, log: SessionLog, code: str, error: type[Exception]
) -> None:
    async with connect(relay.ws, sid) as earlier:
        sent = await earlier.send("it is stored", msg_id="m-1")
    relay.answers, _ = in_turn(code)
    async with connect(relay.ws, sid, timeout=0.5) as chat:
        with pytest.raises(error):
            await chat.send("it is stored", msg_id="m-1")
    assert log.ids() == [sent.id]


async def test_what_was_never_sent_is_certainly_not_stored(line: Proxy, sid: str, log: SessionLog) -> None:
    async with connect(line.ws, sid) as chat:
        line.lead_to(f"127.0.0.1:{free_port()}")
        line.cut()
        await read_until(chat, lambda event: isinstance(event, Welcome))
        while chat.state is State.OPEN:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        with pytest.raises(Unavailable):
            await chat.send("hello?", timeout=0.3)
    assert log.ids() == []


async def test_a_failure_of_the_server_leaves_unknown_what_became_of_a_message(relay: Relay, sid: str) -> None:
    relay.answers, _ = in_turn("internal")
    async with connect(relay.ws, sid) as chat:
        with pytest.raises(Undelivered) as unknown:
            await chat.send("perhaps")
    assert isinstance(unknown.value.__cause__, Internal)


async def test_a_session_that_closes_leaves_unknown_what_was_in_flight_and_nothing_else(relay: Relay, sid: str) -> None:
    relay.answers, first = in_turn("")
    async with connect(relay.ws, sid) as chat:
        sending = [asyncio.create_task(chat.send(text)) for text in ("in flight", "behind it")]
        await first.wait()
        relay.refuses = ({"code": "session_closed", "message": "This session is closed."}, 4410)
        await relay.close(1012)
        in_flight, behind = await asyncio.gather(*sending, return_exceptions=True)
    assert isinstance(in_flight, Undelivered)
    assert isinstance(in_flight.__cause__, SessionClosed)
    assert isinstance(behind, SessionClosed)


async def test_the_answer_to_what_was_given_up_is_not_taken_for_the_next_ones(
    line: Proxy, sid: str, log: SessionLog
) -> None:
    async with connect(line.ws, sid, timeout=0.5) as chat:
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
    async with connect(relay.ws, sid, max_pending=1) as chat:
        sending = asyncio.create_task(chat.send("never mind"))
        await first.wait()
        sending.cancel()
        relay.answers = lambda frame: None
        await relay.close(1012)
        await read_until(chat, lambda event: event.event == "session.welcome" and len(relay.requests) > 1)
        await chat.send("this")
    assert log.texts() == ["this"]


async def test_a_close_that_is_interrupted_still_ends_what_waits(line: Proxy, sid: str) -> None:
    chat = await connect(line.ws, sid)
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
