"""Joining at the moment at which a reply ends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from doqchat.engine import Engine
from doqchat.joining import begin, join, leave
from doqchat.protocol.events import Usage
from doqchat.store.snapshot import Snapshot
from doqchat.worker.leased_reply import LeasedReply
from tests.fanout.conftest import joined
from tests.fanout.socket import Socket
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import end_of
from tests.replies.leased_replies import speaking

Step = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Do nothing."""


async def frames_of_who_joins(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, sid: str, since: str | None, *, before: Step, after: Step
) -> list[Any]:
    """The frames of a joining client up to the end of a reply, with steps before and after its snapshot."""
    take = engine.snapshots.take

    async def take_amid(sid: str, arriving: str = "") -> Snapshot:
        await before()
        snapshot = await take(sid, arriving)
        await after()
        return snapshot

    monkeypatch.setattr(engine.snapshots, "take", take_amid)
    socket = Socket("B", sid=sid, v1=True)
    begin(engine, socket.member, await join(engine, socket.member, since))
    frames = [await socket.frame()]
    while frames[-1]["hd"]["event"] not in ENDS:
        frames.append(await socket.frame())
    await leave(engine, socket.member)
    return [frame for frame in frames if frame["hd"]["event"] not in ("llm.request", "presence")]


@asynccontextmanager
async def ending(engine: Engine, sid: str) -> AsyncIterator[tuple[LeasedReply, Step]]:
    """A reply with one piece, and a step that finishes it and waits until another member has the end."""
    leased = await speaking(engine, sid, "worker")
    async with joined(engine, sid) as other:

        async def end() -> None:
            await leased.say("하세요")
            await leased.commit(leased.response(leased.text, "stop", "demo", Usage()))
            await end_of(other, *ENDS)

        yield leased, end


@pytest.mark.parametrize("since", [None, "0-0"])
async def test_a_reply_in_the_welcome_ends_after_it(
    monkeypatch: pytest.MonkeyPatch, own_engine: Engine, sid: str, since: str | None
) -> None:
    async with ending(own_engine, sid) as (leased, end):
        welcome, piece, response = await frames_of_who_joins(
            monkeypatch, own_engine, sid, since, before=nothing, after=end
        )
    assert [(reply["reply_id"], reply["text"]) for reply in welcome["bd"]["replies"]] == [(leased.job.reply, "안녕")]
    assert (piece["bd"]["offset"], piece["bd"]["text"]) == (2, "하세요")
    assert response["bd"]["text"] == "안녕하세요"


@pytest.mark.parametrize("since", [None, "0-0"])
async def test_no_piece_follows_of_a_reply_that_ends_before_the_welcome(
    monkeypatch: pytest.MonkeyPatch, own_engine: Engine, sid: str, since: str | None
) -> None:
    async with ending(own_engine, sid) as (_, end):
        welcome, response = await frames_of_who_joins(monkeypatch, own_engine, sid, since, before=end, after=nothing)
    assert welcome["bd"]["replies"] == []
    assert response["bd"]["text"] == "안녕하세요"
