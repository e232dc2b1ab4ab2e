"""Joining and cancelling at random moments of a reply."""

import asyncio
from random import Random

import pytest

from doqchat.store import keys
from tests import processes
from tests.client import Client, Frame
from tests.conftest import Connect
from tests.replies.conftest import Site
from tests.replies.conversation import ENDS, ask, joined, pieces

REPLIES = 100
AT_ONCE = 20
LASTS = 1.0
"""Approximate duration of a reply in seconds."""

random = Random(4)


async def text_seen(client: Client) -> tuple[str | None, Frame]:
    """The joined text of the welcome and the later pieces, and the terminal event.

    The text is None when the reply had ended before: then the welcome does not know it, and nothing of it follows.
    """
    frames = await client.recv_until(*ENDS)
    known = [reply["text"] for reply in frames[0]["bd"]["replies"]]
    if not known:
        assert pieces(frames) == []
        return None, frames[-1]
    new = [piece for piece in pieces(frames) if piece["offset"] + len(piece["text"]) > len(known[0])]
    return joined(new, known[0]), frames[-1]


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_client_that_joins_at_a_random_moment_of_a_reply_sees_its_text(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def join(number: int) -> bool:
        async with gate:
            asking = await connect(web, f"{sid}-{number}", role="A")
            await ask(asking, "[[pieces=30 pace=0.03]]")
            await asyncio.sleep(random.uniform(0, LASTS))
            joining = await connect(web, f"{sid}-{number}", role="B", v1=True, since="0")
            seen, end = await text_seen(joining)
            assert seen in (None, end["bd"]["text"])
            return seen is not None

    in_time = await asyncio.gather(*(join(number) for number in range(REPLIES)))
    assert sum(in_time) > REPLIES / 2


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_client_that_cancels_at_a_random_moment_sees_one_terminal_event(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def cancel(number: int) -> str:
        async with gate:
            client = await connect(web, f"{sid}-{number}", role="A")
            request = await ask(client, "[[pieces=30 pace=0.03]]")
            await asyncio.sleep(random.uniform(0, LASTS))
            await client.send("llm.cancel", {"reply_id": f"r{request['hd']['id']}"})
            frames = await client.recv_until(*ENDS)
            assert frames[-1]["bd"]["text"] == joined(pieces(frames))
            return frames[-1]["bd"]["finish_reason"]

    reasons = await asyncio.gather(*(cancel(number) for number in range(REPLIES)))
    assert set(reasons) <= {"cancelled", "stop"}
    assert reasons.count("cancelled") > REPLIES / 2
    assert [len(site.stored(f"{sid}-{number}", *ENDS)) for number in range(REPLIES)] == [1] * REPLIES
    assert not any(site.store.exists(keys.replies(f"{sid}-{number}")) for number in range(REPLIES))
