"""A reply put together from the welcome, its pieces and its end."""

import asyncio
from typing import Any

from doqchat_client import Client, Event, Replies
from hypothesis import given
from hypothesis import strategies as st

from tests.doqchat_client.session_log import read_until
from tests.processes import Process, Web
from tests.proxy import Proxy

NAMES = {"reply_id": "r1-0", "request_id": "1-0"}


def event(name: str, **bd: Any) -> Event:
    return Event(name, "llm", bd, None, None, None, None, {})


def piece(offset: int, text: str, attempt: int = 1) -> Event:
    return event("llm.streaming", **NAMES, attempt=attempt, offset=offset, text=text)


def welcome(text: str, attempt: int = 1) -> Event:
    return event("session.welcome", replies=[{**NAMES, "attempt": attempt, "state": "streaming", "text": text}])


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


def test_after_a_lost_piece_the_text_stays_without_a_hole_until_a_welcome_has_it_all() -> None:
    replies = Replies()
    for said in (piece(0, "one "), piece(8, "three ")):
        replies.take(said)
    assert replies["r1-0"].text == "one "
    replies.take(welcome("one two three "))
    replies.take(piece(14, "four"))
    assert replies["r1-0"].text == "one two three four"


def test_a_reply_that_has_ended_is_under_way_no_more_even_if_a_piece_comes_late() -> None:
    replies = Replies()
    replies.take(piece(0, "Hello"))
    ended = replies.take(event("llm.response", **NAMES, text="Hello", finish_reason="stop"))
    assert ended is not None
    assert (ended.text, ended.state) == ("Hello", "stop")
    replies.take(piece(0, "Hello"))
    assert not replies


def test_a_failed_reply_keeps_what_was_said() -> None:
    replies = Replies()
    ended = replies.take(event("llm.error", **NAMES, code="timeout", message="Too slow.", text="Hel"))
    assert ended is not None
    assert (ended.text, ended.state) == ("Hel", "failed")


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


async def test_a_cancelled_reply_ends_with_what_was_said_so_far(server: Web, worker: Process, sid: str) -> None:
    async with Client(server.ws, sid=sid, role="A") as chat:
        await chat.ask("요약해 줘")
        said = (await read_until(chat, lambda one: one.event == "llm.streaming"))[-1]
        await chat.cancel(said.bd["reply_id"])
        so_far, end = await follow(chat)
    assert end.bd["finish_reason"] == "cancelled"
    assert end.bd["text"].startswith(so_far) or so_far.startswith(end.bd["text"])
