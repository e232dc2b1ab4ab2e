"""Policy `off` withdraws automatic replies."""

import asyncio

import pytest

from doqchat.store import keys
from tests import processes
from tests.chat.commands import run
from tests.conftest import Connect
from tests.replies.conftest import Site
from tests.replies.conversation import SLOW, change, end, silence


async def test_policy_off_withdraws_the_running_automatic_reply(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    await client.say(f"@llm {SLOW}")
    await client.recv_event("llm.streaming")
    assert change(web, sid, policy="off")["settings"]["policy"] == "off"
    withdrawn = await end(client)
    assert (withdrawn["bd"]["finish_reason"], withdrawn["bd"]["text"]) == ("superseded", "")
    await silence(client, site, sid)


async def test_policy_off_does_not_end_a_requested_reply(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    await client.send("llm.request", {"prompt": "[[pieces=10 pace=0.05]]"})
    await client.recv_event("llm.streaming")
    change(web, sid, policy="off")
    response = await end(client)
    assert response["bd"]["finish_reason"] == "stop"
    assert response["bd"]["text"]


@pytest.mark.slow
async def test_policy_off_withdraws_a_queued_automatic_reply_too(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    await client.say("hello")
    said = (await client.recv_event("chat.message"))["hd"]["id"]
    await client.send("llm.request", {"prompt": SLOW})
    await client.recv_event("llm.streaming")
    given_up = {"sid": sid, "request": said, "reply": f"r{said}", "llm": "default", "auto": "1"}
    job = site.store.xadd(keys.DEAD_LETTERS, given_up)
    site.store.sadd(keys.dead(sid), f"r{said}")
    await asyncio.to_thread(run, "doqchat_dead", "retry", str(job), DOQCHAT_REDIS_URL=site.store_url)
    change(web, sid, policy="off")
    withdrawn, asked_for = (await end(client))["bd"], (await end(client))["bd"]
    assert (withdrawn["finish_reason"], withdrawn["request_id"]) == ("superseded", said)
    assert asked_for["finish_reason"] == "stop"
