"""A reply put together from the welcome, its pieces and its end."""

import asyncio
import itertools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from doqchat_client import Client, Event, Replies
from hypothesis import given
from hypothesis import strategies as st

from tests.doqchat_client.relay import Relay
from tests.doqchat_client.session_log import read_until
from tests.processes import Process, Web
from tests.proxy import Proxy

NAMES = {"reply_id": "r1-0", "request_id": "1-0"}


def event(name: str, **bd: Any) -> Event:
    return Event(name, "llm", bd, None, None, None, None, {})


def piece(offset: int, text: str, attempt: int = 1) -> Event:
    return event("llm.streaming", **NAMES, attempt=attempt, offset=offset, text=text)


def welcome(text: str, attempt: int = 1) -> Event:
    said = {**NAMES, "attempt": attempt, "state": "streaming", "text": text}
    return event("session.welcome", replies=[said], gap=None)


def end(text: str) -> Event:
    return event("llm.response", **NAMES, text=text, finish_reason="stop")


@given(st.lists(st.text(min_size=1, max_size=5), max_size=20), st.data())
def test_a_welcome_and_the_pieces_that_follow_give_the_text_exactly(parts: list[str], data: st.DataObject) -> None:
    replies, text = Replies(), "".join(parts)
    joined = data.draw(st.integers(0, len(parts)), "pieces that the welcome has")
    overlap = data.draw(st.integers(0, joined), "of them sent again")
    replies.take(welcome("".join(parts[:joined])))
    for number in range(joined - overlap, len(parts)):
        replies.take(piece(len("".join(parts[:number])), parts[number]))
    assert replies["r1-0"].text == text


def test_a_new_attempt_replaces_what_the_last_one_said() -> None:
    replies = Replies()
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
    replies, shown = Replies(), [""]
    for one in (*before, welcome("".join(parts[:said])), *pieces[come:]):
        replies.take(one)
        shown.append(replies["r1-0"].text)
    assert shown[-1] == "".join(parts)
    assert all(later.startswith(earlier) for earlier, later in pairwise(shown))


def test_what_comes_after_a_lost_piece_waits_until_a_welcome_has_that() -> None:
    replies = Replies()
    for said in (piece(0, "one "), piece(8, "three ")):
        replies.take(said)
    assert (replies["r1-0"].text, replies["r1-0"].torn) == ("one ", True)
    replies.take(welcome("one two "))
    replies.take(piece(14, "four"))
    assert (replies["r1-0"].text, replies["r1-0"].torn) == ("one two three four", False)


def test_a_reply_whose_first_piece_was_lost_is_under_way_without_a_text() -> None:
    replies = Replies()
    replies.take(piece(4, "two"))
    assert (replies["r1-0"].text, replies["r1-0"].torn) == ("", True)
    replies.take(welcome("one "))
    assert replies["r1-0"].text == "one two"


def test_a_reply_that_will_come_waits_until_its_first_word() -> None:
    replies = Replies()
    for said, state in ((piece(0, ""), "waiting"), (piece(0, "Well"), "streaming"), (piece(0, ""), "streaming")):
        replies.take(said)
        assert replies["r1-0"].state == state
    assert replies["r1-0"].text == "Well"


def test_a_welcome_of_an_attempt_before_changes_nothing_and_one_of_a_new_attempt_everything() -> None:
    replies = Replies()
    for said in (piece(0, "Once upon"), piece(13, "time"), piece(0, "Well", attempt=2), welcome("Once upon a time")):
        replies.take(said)
    assert (replies["r1-0"].text, replies["r1-0"].attempt) == ("Well", 2)
    replies.take(welcome("So", attempt=3))
    assert (replies["r1-0"].text, replies["r1-0"].attempt, replies["r1-0"].torn) == ("So", 3, False)


def test_a_welcome_that_says_something_else_is_right() -> None:
    replies = Replies()
    for said in (piece(0, "one two"), welcome("one too")):
        replies.take(said)
    assert replies["r1-0"].text == "one too"


def test_a_welcome_written_before_the_first_piece_does_not_take_the_reply_away() -> None:
    replies = Replies()
    for said in (piece(0, "Hello"), event("session.welcome", replies=[], gap=None)):
        replies.take(said)
    assert replies["r1-0"].text == "Hello"


def test_a_welcome_with_a_gap_ends_the_replies_that_it_does_not_name() -> None:
    replies = Replies()
    for said in (piece(0, "Hello"), event("session.welcome", replies=[], gap={"since": "1-0", "oldest_id": "9-0"})):
        replies.take(said)
    assert not replies


def test_a_reply_that_is_held_grows_and_says_how_it_ended() -> None:
    replies = Replies()
    replies.take(piece(0, "Hel"))
    reply = replies["r1-0"]
    for said, text, state in ((piece(3, "lo"), "Hello", "streaming"), (end("Hello!"), "Hello!", "stop")):
        assert replies.take(said) is reply
        assert (reply.text, reply.state) == (text, state)


def test_a_reply_that_has_ended_is_under_way_no_more_whatever_comes_late() -> None:
    replies = Replies()
    replies.take(piece(0, "Hello"))
    ended = replies.take(end("Hello"))
    assert ended is not None
    assert (ended.text, ended.state) == ("Hello", "stop")
    for late in (piece(0, "Hello"), piece(3, "lo"), welcome("Hel")):
        replies.take(late)
        assert not replies


def test_a_failed_reply_keeps_what_was_said() -> None:
    replies = Replies()
    ended = replies.take(event("llm.error", **NAMES, code="timeout", message="Too slow.", text="Hel"))
    assert ended is not None
    assert (ended.text, ended.state) == ("Hel", "failed")


def pieces_lost(lose: Callable[[int], bool]) -> Callable[[dict[str, Any]], bool]:
    """For a relay: loses the pieces of the reply for whose number `lose` holds."""
    numbers = itertools.count()
    return lambda frame: frame["hd"]["event"] == "llm.streaming" and lose(next(numbers))


async def follow(chat: Client) -> tuple[str, Event]:
    """What the pieces had given when the reply ended, and its end."""
    so_far = ""
    async with asyncio.timeout(60):
        async for one in chat:
            if one.event in ("llm.response", "llm.error"):
                return so_far, one
            so_far = next((reply.text for reply in chat.replies.values()), so_far)
    raise AssertionError("The reply did not end.")


async def test_one_who_joins_in_mid_reply_has_the_text_exactly(server: Web, worker: Process, sid: str) -> None:
    async with Client(server.ws, sid=sid, role="A") as a:
        asked = await a.ask("지금까지 대화를 요약해 줘 🙂")
        await read_until(a, lambda one: one.event == "llm.streaming" and one.bd["offset"] > 0)
        async with Client(server.ws, sid=sid, role="B") as b:
            for so_far, end in await asyncio.gather(follow(a), follow(b)):
                assert end.event == "llm.response"
                assert end.bd["request_id"] == asked.id
                assert so_far == end.bd["text"]


async def test_a_cut_in_mid_reply_loses_nothing_of_it(line: Proxy, worker: Process, sid: str) -> None:
    async with Client(line.ws, sid=sid, role="A") as chat:
        await chat.ask("요약해 줘")
        await read_until(chat, lambda one: one.event == "llm.streaming")
        line.cut()
        _, end = await follow(chat)
    assert end.event == "llm.response"


@pytest.mark.parametrize("number", [0, 3])
async def test_a_lost_piece_is_asked_for_once_on_the_open_connection(
    relay: Relay, worker: Process, sid: str, number: int
) -> None:
    relay.loses = pieces_lost(lambda one: one == number)
    async with Client(relay.ws, sid=sid, role="A") as chat:
        await chat.ask("요약해 줘")
        so_far, ended = await follow(chat)
    assert so_far == ended.bd["text"]
    assert relay.heard.count("session.sync") == 1
    assert len(relay.requests) == 1


async def test_each_hole_is_asked_for(relay: Relay, worker: Process, sid: str) -> None:
    async with Client(relay.ws, sid=sid, role="A") as chat:
        relay.loses = pieces_lost(lambda one: one == 0)
        await chat.ask("요약해 줘")
        await read_until(chat, lambda one: one.event == "session.welcome" and bool(one.bd["replies"]))
        relay.loses = pieces_lost(lambda one: one == 0)
        so_far, ended = await follow(chat)
    assert so_far == ended.bd["text"]
    assert relay.heard.count("session.sync") == 2


async def test_what_was_asked_for_is_asked_for_again_only_on_a_new_connection(relay: Relay, sid: str) -> None:
    async with Client(relay.ws, sid=sid, role="A") as chat:
        relay.loses = lambda frame: frame["hd"]["event"] == "session.welcome"
        await read_past_a_hole(chat, relay, 5, 8, 11)
        assert relay.heard.count("session.sync") == 1
        relay.loses = lambda frame: False
        await relay.close(1013)
        await read_until(chat, lambda one: one.event == "session.welcome")
        await read_past_a_hole(chat, relay, 14)
        assert relay.heard.count("session.sync") == 2


async def read_past_a_hole(chat: Client, relay: Relay, *offsets: int) -> None:
    """Have the client read pieces that do not fit, and send something, so that the relay has heard of it."""
    for offset in offsets:
        await relay.say({"hd": {"event": "llm.streaming"}, "bd": dict(piece(offset, "...").bd)})
        await read_until(chat, lambda one: one.event == "llm.streaming")
    await chat.send("What did it say?")


async def test_a_cancelled_reply_ends_with_what_was_said_so_far(server: Web, worker: Process, sid: str) -> None:
    async with Client(server.ws, sid=sid, role="A") as chat:
        await chat.ask("요약해 줘")
        said = (await read_until(chat, lambda one: one.event == "llm.streaming"))[-1]
        await chat.cancel(said.bd["reply_id"])
        so_far, end = await follow(chat)
    assert end.bd["finish_reason"] == "cancelled"
    assert end.bd["text"].startswith(so_far) or so_far.startswith(end.bd["text"])
