"""Any person in the session can cancel a reply."""

import asyncio
from datetime import UTC, datetime

import pytest

from doqchat.store import keys
from tests import processes
from tests.conftest import Connect
from tests.replies.conftest import Site
from tests.replies.conversation import ENDS, ask, joined, pieces, settled

LONG = "[[pieces=500 pace=0.03]]"


async def test_a_cancelled_reply_ends_with_its_text_so_far(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    asking, other = await connect(web, sid, role="A"), await connect(web, sid, role="B")
    await ask(asking, LONG)
    frames = [await asking.recv_event("llm.streaming") for _ in range(5)]
    reply_id = frames[0]["bd"]["reply_id"]
    await other.send("llm.cancel", {"reply_id": reply_id})
    frames += await asking.recv_until(*ENDS)
    response = frames[-1]
    assert (response["hd"]["event"], response["bd"]["finish_reason"]) == ("llm.response", "cancelled")
    assert response["bd"]["text"] == joined(pieces(frames)) != ""
    assert response["bd"]["model"] == "gemini-flash-latest", "the name of the model, not its alias"
    assert len(pieces(frames)) < 500
    await other.recv_event(*ENDS)
    await other.send("llm.cancel", {"reply_id": reply_id})
    assert await settled(other) == []
    assert len(site.stored(sid, *ENDS)) == 1


async def test_cancelling_a_reply_closes_the_connection_to_the_provider(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    await ask(client, f"{LONG} {sid}")
    piece = await client.recv_event("llm.streaming")
    await client.send("llm.cancel", {"reply_id": piece["bd"]["reply_id"]})
    await client.recv_event(*ENDS)
    async with asyncio.timeout(15):
        while site.calls(sid)[0]["outcome"] == "open":  # noqa: ASYNC110 - there is no event to await
            await asyncio.sleep(0.05)
    assert site.calls(sid)[0]["outcome"] == "left"


async def test_a_reply_without_output_can_be_cancelled(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    request = await ask(client, "[[silent=1]]")
    await client.send("llm.cancel", {"reply_id": f"r{request['hd']['id']}"})
    response = await client.recv_event(*ENDS)
    assert (response["bd"]["finish_reason"], response["bd"]["text"]) == ("cancelled", "")


async def test_cancelling_twice_ends_a_reply_once(site: Site, web: processes.Web, connect: Connect, sid: str) -> None:
    client = await connect(web, sid)
    await ask(client, LONG)
    piece = await client.recv_event("llm.streaming")
    for _ in range(3):
        await client.send("llm.cancel", {"reply_id": piece["bd"]["reply_id"]})
    await client.send("ping", {})
    frames = await client.recv_until(*ENDS)
    if frames[-1]["hd"]["event"] in ENDS and "pong" not in {frame["hd"]["event"] for frame in frames}:
        frames += await client.recv_until("pong")
    assert "error" not in {frame["hd"]["event"] for frame in frames}
    assert len(site.stored(sid, *ENDS)) == 1


async def test_a_reply_that_has_ended_is_cancelled_without_effect(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    await ask(client, "[[pieces=2]]")
    response = await client.recv_event(*ENDS)
    await client.send("llm.cancel", {"reply_id": response["bd"]["reply_id"]})
    assert await settled(client) == []
    assert site.stored(sid, *ENDS)[-1]["bd"]["finish_reason"] == "stop"


@pytest.mark.parametrize("reply_id", ["r1-1", "x", "r", "1700641234567-0", "r99999999999999999999-0"])
async def test_an_unknown_reply_is_not_found(
    site: Site, web: processes.Web, connect: Connect, sid: str, reply_id: str
) -> None:
    client = await connect(web, sid)
    await client.send("llm.cancel", {"reply_id": reply_id}, msg_id="m1")
    error = (await client.recv())["bd"]
    assert (error["code"], error["field"], error["msg_id"]) == ("not_found", "bd.reply_id", "m1")


async def test_a_reply_of_another_session_is_not_found_and_continues(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    here, elsewhere = await connect(web, sid), await connect(web, f"{sid}-2")
    await ask(here, "[[pieces=20 pace=0.03]]")
    piece = await here.recv_event("llm.streaming")
    await elsewhere.send("llm.cancel", {"reply_id": piece["bd"]["reply_id"]})
    assert (await elsewhere.recv())["bd"]["code"] == "not_found"
    response = await here.recv_event(*ENDS)
    assert response["bd"]["finish_reason"] == "stop"


async def test_input_tokens_of_a_reply_cancelled_before_its_first_piece_are_counted(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    def counted() -> int:
        return int(site.store.get(keys.tokens(datetime.now(UTC).date().isoformat())) or 0)

    client = await connect(web, sid)
    before = counted()
    request = await ask(client, f"{sid} [[hang=0]] " + "word " * 1_000)
    (worker, *_) = site.workers
    await asyncio.to_thread(worker.wait_until, lambda: bool(site.calls(sid)))
    await client.send("llm.cancel", {"reply_id": f"r{request['hd']['id']}"})
    await client.recv_event("llm.response")
    await asyncio.to_thread(worker.wait_until, lambda: counted() - before >= 1_000)
