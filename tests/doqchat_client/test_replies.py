"""A reply put together from the welcome, its pieces and its end."""

import asyncio
import itertools
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from doqchat_client import Event, Reply, Session, Welcome, connect
from doqchat_client.events import read
from doqchat_client.exceptions import ReplyFailed, SessionClosed
from doqchat_client.replies import Replies
from doqchat_client.waiting import Waiters
from hypothesis import given
from hypothesis import strategies as st

from tests.doqchat_client.relay import Relay
from tests.doqchat_client.session_log import WITHIN, SessionLog, durable_ids, read_to, read_until
from tests.processes import Process, Web
from tests.proxy import Proxy

NAMES = {"reply_id": "r1-0", "request_id": "1-0"}


def event(name: str, entry_id: str | None = None, **bd: Any) -> Event:
    hd = {"event": name} if entry_id is None else {"event": name, "id": entry_id, "prev": "0-0"}
    return read(json.dumps({"hd": hd, "bd": bd}))


def piece(offset: int, text: str, attempt: int = 1) -> Event:
    return event("llm.streaming", **NAMES, attempt=attempt, offset=offset, text=text)


def welcome(text: str, attempt: int = 1) -> Event:
    said = {**NAMES, "attempt": attempt, "state": "streaming", "text": text}
    return event("session.welcome", last_id="1-0", replies=[said], gap=None)


def end(text: str) -> Event:
    return event("llm.response", **NAMES, text=text, finish_reason="stop")


async def no_cancel(reply: Reply, timeout: float | None) -> None:
    raise AssertionError


def new_replies() -> Replies:
    return Replies(Waiters(), no_cancel)


@given(st.lists(st.text(min_size=1, max_size=5), max_size=20), st.data())
def test_a_welcome_and_the_pieces_that_follow_give_the_text_exactly(parts: list[str], data: st.DataObject) -> None:
    replies, text = new_replies(), "".join(parts)
    joined = data.draw(st.integers(0, len(parts)), "pieces that the welcome has")
    overlap = data.draw(st.integers(0, joined), "of them sent again")
    replies.take(welcome("".join(parts[:joined])))
    for number in range(joined - overlap, len(parts)):
        replies.take(piece(len("".join(parts[:number])), parts[number]))
    assert replies["r1-0"].text == text


def test_a_new_attempt_replaces_what_the_last_one_said() -> None:
    replies = new_replies()
    for said in (piece(0, "Once upon"), piece(9, " a time"), piece(0, "Well, ", attempt=2), piece(9, "late")):
        replies.take(said)
    assert (replies["r1-0"].text, replies["r1-0"].attempt) == ("Well, ", 2)


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=20), st.data())
def test_whenever_a_welcome_comes_what_was_lost_before_it_was_written_is_there_and_nothing_is_taken_back(
    parts: list[str], data: st.DataObject
) -> None:
    said = data.draw(st.integers(0, len(parts)), "pieces that the welcome has")
    come = data.draw(st.integers(said, len(parts)), "pieces that were sent before it came")
    lost = data.draw(st.sets(st.integers(0, said - 1)) if said else st.just(set()), "pieces of those that it has")
    pieces = [piece(len("".join(parts[:number])), part) for number, part in enumerate(parts)]
    before = [one for number, one in enumerate(pieces[:come]) if number not in lost]
    replies, shown = new_replies(), [""]
    for one in (*before, welcome("".join(parts[:said])), *pieces[come:]):
        replies.take(one)
        shown.append(replies["r1-0"].text)
    assert shown[-1] == "".join(parts)
    assert all(later.startswith(earlier) for earlier, later in pairwise(shown))


def test_what_comes_after_a_lost_piece_waits_until_a_welcome_has_that() -> None:
    replies = new_replies()
    for said in (piece(0, "one "), piece(8, "three ")):
        replies.take(said)
    assert (replies["r1-0"].text, replies["r1-0"].torn) == ("one ", True)
    replies.take(welcome("one two "))
    replies.take(piece(14, "four"))
    assert (replies["r1-0"].text, replies["r1-0"].torn) == ("one two three four", False)


def test_a_reply_whose_first_piece_was_lost_is_under_way_without_a_text() -> None:
    replies = new_replies()
    replies.take(piece(4, "two"))
    assert (replies["r1-0"].text, replies["r1-0"].torn) == ("", True)
    replies.take(welcome("one "))
    assert replies["r1-0"].text == "one two"


def test_a_reply_that_will_come_waits_until_its_first_word() -> None:
    replies = new_replies()
    for said, state in ((piece(0, ""), "waiting"), (piece(0, "Well"), "streaming"), (piece(0, ""), "streaming")):
        replies.take(said)
        assert replies["r1-0"].state == state
    assert replies["r1-0"].text == "Well"


def test_a_welcome_of_an_attempt_before_changes_nothing_and_one_of_a_new_attempt_everything() -> None:
    replies = new_replies()
    for said in (piece(0, "Once upon"), piece(13, "time"), piece(0, "Well", attempt=2), welcome("Once upon a time")):
        replies.take(said)
    assert (replies["r1-0"].text, replies["r1-0"].attempt) == ("Well", 2)
    replies.take(welcome("So", attempt=3))
    assert (replies["r1-0"].text, replies["r1-0"].attempt, replies["r1-0"].torn) == ("So", 3, False)


def test_a_welcome_that_says_something_else_is_right() -> None:
    replies = new_replies()
    for said in (piece(0, "one two"), welcome("one too")):
        replies.take(said)
    assert replies["r1-0"].text == "one too"


def test_a_welcome_written_before_the_first_piece_does_not_take_the_reply_away() -> None:
    replies = new_replies()
    for said in (piece(0, "Hello"), event("session.welcome", last_id="1-0", replies=[], gap=None)):
        replies.take(said)
    assert replies["r1-0"].text == "Hello"


def test_a_welcome_with_a_gap_ends_the_replies_that_it_does_not_name_unless_their_ends_follow() -> None:
    gap = event("session.welcome", last_id="9-0", replies=[], gap={"since": "1-0", "oldest_id": "8-0"})
    lost, found = new_replies(), new_replies()
    for replies in (lost, found):
        for said in (piece(0, "Hello"), gap):
            replies.take(said)
        assert replies["r1-0"].text == "Hello"
    reply = lost["r1-0"]
    lost.take(event("chat.message", "9-0", text="the last that was kept"))
    found.take(event("llm.response", "9-0", **NAMES, text="Hello!", finish_reason="stop"))
    assert not lost
    assert not found
    assert reply.state == "failed"


def test_a_reply_that_is_held_grows_and_says_how_it_ended() -> None:
    replies = new_replies()
    replies.take(piece(0, "Hel"))
    reply = replies["r1-0"]
    for said, text, state in ((piece(3, "lo"), "Hello", "streaming"), (end("Hello!"), "Hello!", "stop")):
        replies.take(said)
        assert said.reply is reply
        assert (reply.text, reply.state) == (text, state)


def test_a_reply_that_has_ended_is_under_way_no_more_whatever_comes_late() -> None:
    replies = new_replies()
    for said in (piece(0, "Hello"), end("Hello")):
        replies.take(said)
    for late in (piece(0, "Hello"), piece(3, "lo"), welcome("Hel"), end("Hello")):
        replies.take(late)
        assert not replies


@pytest.mark.parametrize(
    "foreign",
    [
        event("llm.response", "1-0"),
        event("llm.response", "1-0", reply_id=["r"], request_id=1, text=None, finish_reason="stop"),
        event("llm.streaming", reply_id="r1-0"),
        event("session.welcome", last_id="1-0", replies=[{"reply_id": []}, 7, None], gap=None),
        event("session.welcome", last_id="1-0", replies="none"),
    ],
)
def test_what_other_programs_have_stored_in_a_replys_place_is_passed_over(foreign: Event) -> None:
    replies = new_replies()
    assert not replies.take(foreign)
    assert not replies


async def collected(reply: Reply) -> str:
    """The text as its pieces make it up."""
    text = ""
    async for one in reply:
        text = text[: one.offset] + one
    return text


@pytest.mark.parametrize(
    ("course", "text"),
    [
        ([piece(0, "Hel"), piece(3, "lo"), end("Hello!")], "Hello!"),
        ([piece(0, "Once upon"), piece(0, "Well", attempt=2), end("Well.")], "Well."),
        ([piece(0, "Hello"), end("")], ""),
        ([end("Hello")], "Hello"),
    ],
)
async def test_pieces_make_up_the_text_whatever_happens_to_the_reply(course: list[Event], text: str) -> None:
    replies = new_replies()
    reply = replies.to("1-0", in_the_past=False)
    reading = asyncio.create_task(collected(reply))
    for said in course:
        replies.take(said)
        await asyncio.sleep(0)
    assert await reading == text
    assert await reply == text
    assert await collected(reply) == text
    assert reply.finish_reason == "stop"


async def test_a_failed_reply_keeps_what_was_said_and_raises() -> None:
    replies = new_replies()
    reply = replies.to("1-0", in_the_past=False)
    replies.take(event("llm.error", **NAMES, code="timeout", message="Too slow.", text="Hel"))
    for waiting in (reply, collected(reply)):
        with pytest.raises(ReplyFailed, match=r"Too slow\.") as failed:
            await waiting
        assert (failed.value.code, failed.value.text) == ("timeout", "Hel")
    assert (reply.text, reply.state) == ("Hel", "failed")


def pieces_lost(lose: Callable[[int], bool]) -> Callable[[dict[str, Any]], bool]:
    """For a relay: loses the pieces of the reply for whose number `lose` holds."""
    numbers = itertools.count()
    return lambda frame: frame["hd"]["event"] == "llm.streaming" and lose(next(numbers))


async def test_one_who_joins_in_mid_reply_has_the_text_exactly(server: Web, worker: Process, sid: str) -> None:
    async with connect(server.ws, sid, role="A") as a:
        reply = await a.ask("지금까지 대화를 요약해 줘 🙂")
        await anext(aiter(reply))
        async with connect(server.ws, sid, role="B") as b:
            (welcome,) = await read_until(b, lambda one: isinstance(one, Welcome))
            (joined,) = welcome.replies
            assert await collected(joined) == await collected(reply) == await joined
    assert (joined.request_id, joined.finish_reason, joined.model) == (reply.request_id, "stop", "demo")


@pytest.mark.slow
async def test_replies_of_several_requests_come_side_by_side(server: Web, worker: Process, sid: str) -> None:
    async with connect(server.ws, sid, role="A") as chat:
        replies = await asyncio.gather(*(chat.ask(f"question {number}") for number in range(2)))
        texts = await asyncio.gather(*(collected(reply) for reply in replies))
        assert texts == [await reply for reply in replies]
    ids = [reply.request_id for reply in replies]
    assert ids == sorted(ids)


async def test_a_reply_is_complete_for_a_program_that_reads_nothing_else_over_cut_lines(
    line: Proxy, worker: Process, sid: str, log: SessionLog
) -> None:
    async with connect(line.ws, sid, role="A", max_queue=2) as chat:
        reply = await chat.ask("요약해 줘")
        text = ""
        async for piece in reply:
            text = text[: piece.offset] + piece
            if len(text) % 3 == 0:
                line.cut()
        assert text == await reply
        events = await read_to(chat, log.ids()[-1])
    assert durable_ids(events) == log.ids()
    assert line.cuts > 1


async def test_the_end_of_a_reply_is_not_missed_with_the_events_that_are_dropped(
    relay: Relay, worker: Process, sid: str
) -> None:
    swallowed = asyncio.Event()

    def swallow(frame: dict[str, Any]) -> bool:
        if frame["hd"]["event"] == "llm.response":
            swallowed.set()
        return swallowed.is_set()

    async with connect(relay.ws, sid, role="A", max_queue=1) as chat:
        relay.loses = swallow
        reply = await chat.ask("요약해 줘")
        waiting = asyncio.create_task(collected(reply))
        await swallowed.wait()
        relay.loses = lambda frame: False
        await relay.close(1012)
        async with asyncio.timeout(WITHIN):
            assert await waiting == await reply


async def test_a_reply_that_has_ended_long_ago_is_found_again(
    server: Web, worker: Process, sid: str, log: SessionLog
) -> None:
    async with connect(server.ws, sid, role="A") as chat:
        first = await chat.ask("요약해 줘", msg_id="m-1")
        text = await first
    async with connect(server.ws, sid, role="A") as later:
        again = await later.ask("요약해 줘", msg_id="m-1")
        async with asyncio.timeout(WITHIN):
            assert (again.request_id, again.duplicate, await again) == (first.request_id, True, text)
        assert (await later.ask("요약해 줘", msg_id="m-1")) is again
        sent = await later.send("and on it goes")
        events = await read_until(later, lambda one: one.id == sent.id)
    assert [one.id for one in events if one.durable] == [sent.id]


@pytest.mark.parametrize("number", [0, 3])
async def test_a_lost_piece_is_asked_for_once_on_the_open_connection(
    relay: Relay, worker: Process, sid: str, number: int
) -> None:
    relay.loses = pieces_lost(lambda one: one == number)
    async with connect(relay.ws, sid, role="A") as chat:
        reply = await chat.ask("요약해 줘")
        assert await collected(reply) == await reply
    assert relay.heard.count("session.sync") == 1
    assert len(relay.requests) == 1


async def test_each_hole_is_asked_for(relay: Relay, worker: Process, sid: str) -> None:
    async with connect(relay.ws, sid, role="A") as chat:
        relay.loses = pieces_lost(lambda one: one == 0)
        reply = await chat.ask("요약해 줘")
        await read_until(chat, lambda one: isinstance(one, Welcome) and bool(one.replies))
        relay.loses = pieces_lost(lambda one: one == 0)
        assert await collected(reply) == await reply
    assert relay.heard.count("session.sync") == 2


async def test_what_was_asked_for_is_asked_for_again_only_on_a_new_connection(relay: Relay, sid: str) -> None:
    async with connect(relay.ws, sid, role="A") as chat:
        relay.loses = lambda frame: frame["hd"]["event"] == "session.welcome"
        await read_past_a_hole(chat, relay, 5, 8, 11)
        assert relay.heard.count("session.sync") == 1
        relay.loses = lambda frame: False
        await relay.close(1012)
        await read_until(chat, lambda one: isinstance(one, Welcome) and len(relay.requests) > 1)
        await read_past_a_hole(chat, relay, 14)
        assert relay.heard.count("session.sync") == 2


async def read_past_a_hole(chat: Session, relay: Relay, *offsets: int) -> None:
    """Have the client read pieces that do not fit, and send something, so that the relay has heard of it."""
    for offset in offsets:
        await relay.say({"hd": {"event": "llm.streaming"}, "bd": dict(piece(offset, "...").bd)})
        await read_until(chat, lambda one: one.event == "llm.streaming")
    await chat.send("What did it say?")


@pytest.mark.parametrize("at_once", [True, False], ids=["before its first piece", "after its first piece"])
async def test_a_cancelled_reply_ends_with_what_was_said_so_far(
    server: Web, worker: Process, sid: str, at_once: bool
) -> None:
    async with connect(server.ws, sid, role="A") as chat:
        reply = await chat.ask("요약해 줘")
        said = "" if at_once else await anext(aiter(reply))
        await reply.cancel()
        assert (await reply).startswith(said)
        assert reply.finish_reason == "cancelled"
        await reply.cancel()


async def test_a_reply_that_a_closed_session_leaves_open_says_so(relay: Relay, sid: str) -> None:
    async with connect(relay.ws, sid, role="A") as chat:
        reply = await chat.ask("요약해 줘")
        relay.loses = lambda frame: True
        await relay.close(4410)
        with pytest.raises(SessionClosed):
            await reply
