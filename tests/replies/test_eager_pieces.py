"""The first pieces of a reply are sent one by one, even after a long pause of the model."""

from collections.abc import Callable

import pytest

from doqchat.engine import Engine
from doqchat.worker import leased_reply, writer
from tests import processes
from tests.fanout.conftest import joined
from tests.replies.conversation import ENDS
from tests.replies.working import ask, working


async def test_renewing_the_lease_does_not_use_up_the_pieces_sent_at_once(
    monkeypatch: pytest.MonkeyPatch, own_store: processes.Store, make_engine: Callable[..., Engine], sid: str
) -> None:
    monkeypatch.setattr(leased_reply, "LEASE_SECONDS", 0.2)
    engine = make_engine(own_store, GATHER_SECONDS=1.0)
    async with joined(engine, sid) as socket, working(engine):
        await ask(engine, sid, f"[[pieces={writer.EAGER_PIECES} pace=0.3]]")
        shown = []
        while (frame := await socket.frame())["hd"]["event"] not in ENDS:
            if frame["hd"]["event"] == "llm.streaming":
                shown.append(frame["bd"]["text"])
    assert shown == [f"조각 {number} 🙂 " for number in range(1, writer.EAGER_PIECES + 1)]
