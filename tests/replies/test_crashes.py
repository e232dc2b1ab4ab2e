"""Workers are killed, frozen and stopped; each request still gets one answer."""

import asyncio
import signal

import pytest

from doqchat.store import keys
from tests import processes
from tests.conftest import Connect
from tests.replies.conftest import Site
from tests.replies.conversation import ENDS, ask, joined, pieces


@pytest.mark.slow
async def test_the_reply_of_a_killed_worker_is_finished_by_another(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    request = await ask(client, "[[pieces=30 pace=0.05]]")
    await client.recv_event("llm.streaming")
    site.holder(request["hd"]["id"]).kill()
    frames = await client.recv_until(*ENDS)
    response = frames[-1]["bd"]
    assert (frames[-1]["hd"]["event"], response["finish_reason"]) == ("llm.response", "stop")
    assert joined(pieces(frames, attempt=2)) == response["text"] != ""
    assert response["attempt"] == 2
    attempts = [piece["attempt"] for piece in pieces(frames)]
    assert attempts == sorted(attempts)
    assert set(attempts) <= {1, 2}
    assert len(site.stored(sid, *ENDS)) == 1
    assert not site.store.exists(keys.replies(sid))


@pytest.mark.slow
async def test_a_worker_that_resumes_without_its_lease_writes_nothing(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid, v1=True)
    request = await ask(client, "[[pieces=30 pace=0.05]]")
    await client.recv_event("llm.streaming")
    frozen = site.holder(request["hd"]["id"])
    frozen.send_signal(signal.SIGSTOP)
    frames = await client.recv_until(*ENDS)
    frozen.send_signal(signal.SIGCONT)
    await asyncio.to_thread(frozen.wait_until, lambda: "ended or was taken over by another worker" in frozen.output)
    await client.send("ping", {})
    assert [frame["hd"]["event"] for frame in await client.recv_until("pong")] == ["pong"]
    assert joined(pieces(frames, attempt=2)) == frames[-1]["bd"]["text"]
    assert len(site.stored(sid, *ENDS)) == 1


async def test_a_worker_that_is_stopped_finishes_its_reply(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    request = await ask(client, "[[pieces=30 pace=0.03]]")
    await client.recv_event("llm.streaming")
    leaving = site.holder(request["hd"]["id"])
    leaving.send_signal(signal.SIGTERM)
    frames = await client.recv_until(*ENDS)
    assert {piece["attempt"] for piece in pieces(frames)} == {1}
    assert frames[-1]["bd"]["finish_reason"] == "stop"
    assert await asyncio.to_thread(leaving.wait) == 0
