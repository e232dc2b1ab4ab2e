"""Who joins at the very moment at which a reply ends."""

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
from tests.replies.drafts import speaking

Step = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Nothing happens."""


async def frames_of_who_joins(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, sid: str, since: str | None, *, before: Step, after: Step
) -> list[Any]:
    """What somebody gets to the end of a reply, when this happens before and after the snapshot for the welcome."""
    take = engine.snapshots.take

    async def take_amid(sid: str, arriving: str = "") -> Snapshot:
        await before()
        snapshot = await take(sid, arriving)
        await after()
        return snapshot

    monkeypatch.setattr(engine.snapshots, "take", take_amid)
    socket = Socket("B", sid=sid, v1=True)
    begin(socket.member, await join(engine, socket.member, since))
    frames = [await socket.frame()]
    while frames[-1]["hd"]["event"] not in ENDS:
        frames.append(await socket.frame())
    await leave(engine, socket.member)
    return [frame for frame in frames if frame["hd"]["event"] not in ("llm.request", "presence")]


@asynccontextmanager
async def ending(engine: Engine, sid: str) -> AsyncIterator[tuple[LeasedReply, Step]]:
    """A reply of which something was said, and what says the rest; that ends when another member has seen the end."""
    draft = await speaking(engine, sid, "worker")
    async with joined(engine, sid) as other:

        async def end() -> None:
            await draft.say("하세요")
            await draft.commit(draft.response(draft.text, "stop", "demo", Usage()))
            await end_of(other, *ENDS)

        yield draft, end


@pytest.mark.parametrize("since", [None, "0-0"])
async def test_a_reply_that_the_welcome_names_ends_after_it(
    monkeypatch: pytest.MonkeyPatch, own_engine: Engine, sid: str, since: str | None
) -> None:
    async with ending(own_engine, sid) as (draft, end):
        welcome, piece, response = await frames_of_who_joins(
            monkeypatch, own_engine, sid, since, before=nothing, after=end
        )
    assert [(reply["reply_id"], reply["text"]) for reply in welcome["bd"]["replies"]] == [(draft.job.reply, "안녕")]
    assert (piece["bd"]["offset"], piece["bd"]["text"]) == (2, "하세요")
    assert response["bd"]["text"] == "안녕하세요"


@pytest.mark.parametrize("since", [None, "0-0"])
async def test_of_a_reply_that_ends_before_the_welcome_is_written_no_piece_follows(
    monkeypatch: pytest.MonkeyPatch, own_engine: Engine, sid: str, since: str | None
) -> None:
    async with ending(own_engine, sid) as (_, end):
        welcome, response = await frames_of_who_joins(monkeypatch, own_engine, sid, since, before=end, after=nothing)
    assert welcome["bd"]["replies"] == []
    assert response["bd"]["text"] == "안녕하세요"
