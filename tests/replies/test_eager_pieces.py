"""The first pieces of a reply are sent one by one and at once, and later ones are gathered."""

from collections.abc import Callable

import pytest

from doqchat.engine import Engine
from doqchat.worker import leased_reply, writer
from tests import processes
from tests.fanout.conftest import joined
from tests.fanout.socket import Socket
from tests.replies.conversation import ENDS
from tests.replies.demo_requests import end_of
from tests.replies.working import ask, working

PIECE = "조각 {} 🙂 "
EAGER = [PIECE.format(number) for number in range(1, writer.EAGER_PIECES + 1)]


async def test_renewing_the_lease_does_not_use_up_the_pieces_sent_at_once(
    monkeypatch: pytest.MonkeyPatch, own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    monkeypatch.setattr(leased_reply, "LEASE_SECONDS", 0.2)
    engine = make_engine(own_store, GATHER_SECONDS=1.0)
    async with joined(engine, sid) as socket, working(engine):
        await ask(engine, sid, f"[[pieces={writer.EAGER_PIECES} pace=0.3]]")
        assert await shown(socket) == EAGER


async def test_the_first_pieces_do_not_wait_until_others_are_gathered(
    own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(own_store)
    engine.reply_settings = engine.reply_settings.model_copy(update={"gather_seconds": 3600.0})
    async with joined(engine, sid) as socket, working(engine):
        reply = await ask(engine, sid, f"[[pieces=100 hang={writer.EAGER_PIECES}]]")
        pieces = [(await end_of(socket, "llm.streaming"))["bd"]["text"] for _ in EAGER]
        await engine.cancellation.cancel(sid, reply)
    assert pieces == EAGER


async def test_later_pieces_are_gathered(
    own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    engine = make_engine(own_store, GATHER_SECONDS=1.0)
    async with joined(engine, sid) as socket, working(engine):
        await ask(engine, sid, f"[[pieces={writer.EAGER_PIECES + 3} pace=0.02]]")
        later = "".join(PIECE.format(writer.EAGER_PIECES + number) for number in (1, 2, 3))
        assert await shown(socket) == [*EAGER, later]


async def shown(socket: Socket) -> list[str]:
    """The pieces of a reply as they are shown, until it ends."""
    pieces = []
    while (frame := await socket.frame())["hd"]["event"] not in ENDS:
        if frame["hd"]["event"] == "llm.streaming":
            pieces.append(frame["bd"]["text"])
    return pieces
