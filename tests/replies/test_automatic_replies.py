"""Which messages get automatic replies, and when."""

import json
from typing import Any

import pytest

from tests import processes
from tests.chat.fetch import fetch
from tests.conftest import Connect
from tests.replies.conftest import Site
from tests.replies.conversation import ENDS, SLOW, ask, change, end, silence


@pytest.mark.slow
@pytest.mark.parametrize("call", ["@llm hello", "무엇이든 물어볼게 @AI야", "hey @llm!"])
async def test_a_mention_is_answered(site: Site, web: processes.Web, connect: Connect, sid: str, call: str) -> None:
    client = await connect(web, sid)
    await client.say(call)
    message = await client.recv_event("chat.message")
    response = await end(client)
    assert response["bd"]["request_id"] == message["hd"]["id"]


async def test_an_automatic_reply_is_announced_before_its_first_piece(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid, v1=True)
    await client.say("@llm [[silent=1]]")
    message = await client.recv_event("chat.message")
    announced = (await client.recv_event("llm.streaming"))["bd"]
    reply_id = f"r{message['hd']['id']}"
    assert announced == {
        "reply_id": reply_id,
        "request_id": message["hd"]["id"],
        "attempt": 1,
        "offset": 0,
        "text": "",
    }
    await client.send("llm.cancel", {"reply_id": reply_id})
    assert (await end(client))["bd"]["finish_reason"] == "cancelled"


async def test_a_message_without_a_mention_is_not_answered(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    for text in ("hello", "mail me at a@llm.example or me@ai", "@llmao"):
        await client.say(text)
        await client.recv_event("chat.message")
    await silence(client, site, sid)


async def test_a_mention_by_the_assistants_name_is_answered(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    change(web, sid, name_llm="도우미")
    client = await connect(web, sid)
    await client.say("@도우미야 안녕", role="A")
    await end(client)
    (call,) = site.calls("@도우미야 안녕")
    assert "You are called 도우미." in json.dumps(call, ensure_ascii=False)


async def test_messages_in_quick_succession_get_one_reply(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    for text in ("@llm one", "two", "three"):
        await client.say(text)
    last = [await client.recv_event("chat.message") for _ in range(3)][-1]
    response = await end(client)
    assert response["bd"]["request_id"] == last["hd"]["id"]
    assert len(site.stored(sid, *ENDS)) == 1
    await silence(client, site, sid)


async def test_with_policy_off_only_requests_are_answered(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    change(web, sid, policy="off")
    client = await connect(web, sid)
    await client.say("@llm hello")
    await client.recv_event("chat.message")
    await silence(client, site, sid)
    await client.send("llm.request", {"prompt": "hello"})
    assert (await end(client))["bd"]["finish_reason"] == "stop"


async def test_with_policy_always_every_message_is_answered(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    change(web, sid, policy="always")
    client = await connect(web, sid)
    for text in ("hello", "and again"):
        await client.say(text)
        message = await client.recv_event("chat.message")
        assert (await end(client))["bd"]["request_id"] == message["hd"]["id"]


async def test_a_message_of_white_space_gets_no_reply_and_supersedes_none(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    change(web, sid, policy="always", on_new_message="supersede")
    client = await connect(web, sid)
    await client.say(" \n")
    await silence(client, site, sid)
    await client.say("hello [[pieces=10 pace=0.1]]")
    await client.recv_event("llm.streaming")
    await client.say("   ")
    assert (await end(client))["bd"]["finish_reason"] == "stop"
    await silence(client, site, sid)


@pytest.mark.slow
async def test_a_new_message_supersedes_the_running_reply_with_that_setting(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    change(web, sid, policy="always", on_new_message="supersede")
    client = await connect(web, sid)
    await client.say("[[pieces=40 pace=0.05]]")
    piece = await client.recv_event("llm.streaming")
    await client.say("never mind")
    first = await end(client)
    assert first["bd"]["finish_reason"] == "superseded"
    assert first["bd"]["text"].startswith(piece["bd"]["text"])
    second = await end(client)
    assert second["bd"]["finish_reason"] == "stop"


async def test_a_request_supersedes_an_automatic_reply_but_not_a_requested_one(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    change(web, sid, policy="always", on_new_message="supersede")
    client = await connect(web, sid)
    await client.say(SLOW)
    _announced, piece = [await client.recv_event("llm.streaming") for _ in range(2)]
    asked = await ask(client, "[[pieces=10 pace=0.1]]")
    superseded = await end(client)
    assert superseded["bd"]["finish_reason"] == "superseded"
    assert superseded["bd"]["text"].startswith(piece["bd"]["text"] or "no piece")
    await client.recv_event("llm.streaming")
    next_asked = await ask(client, "briefly")
    ends = [await end(client), await end(client)]
    assert [one["bd"]["request_id"] for one in ends] == [asked["hd"]["id"], next_asked["hd"]["id"]]
    assert [one["bd"]["finish_reason"] for one in ends] == ["stop", "stop"]


@pytest.mark.slow
async def test_by_default_a_new_message_lets_the_reply_finish_and_is_answered_next(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    change(web, sid, policy="always")
    client = await connect(web, sid)
    await client.say("[[pieces=30 pace=0.05]]")
    await client.recv_event("llm.streaming")
    await client.say("and this")
    ends = [await end(client), await end(client)]
    assert [one["bd"]["finish_reason"] for one in ends] == ["stop", "stop"]
    assert len({one["bd"]["request_id"] for one in ends}) == 2


@pytest.mark.slow
async def test_messages_during_a_long_reply_get_one_reply_together(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    change(web, sid, policy="always")
    client = await connect(web, sid)
    await client.say("[[pieces=40 pace=0.05]]")
    await client.recv_event("llm.streaming")
    await client.say("one")
    await end(client)
    for text in ("two", "three"):
        await client.say(text)
    last = [await client.recv_event("chat.message") for _ in range(2)][-1]
    assert (await end(client))["bd"]["request_id"] == last["hd"]["id"]
    await silence(client, site, sid)


async def test_requests_of_a_session_are_answered_one_after_the_other_in_order(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    requests = []
    for number in range(4):
        await client.send("llm.request", {"prompt": f"{number} [[pieces=4 pace=0.02]]"})
        requests.append((await client.recv_event("llm.request"))["hd"]["id"])
    frames: list[Any] = []
    for _ in requests:
        frames += await client.recv_until(*ENDS)
    answered = [frame["bd"]["request_id"] for frame in frames if frame["hd"]["event"] != "llm.request"]
    assert list(dict.fromkeys(answered)) == requests
    assert answered == sorted(answered)


async def test_a_queued_request_can_be_cancelled_at_once(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    await client.send("llm.request", {"prompt": SLOW})
    first = (await client.recv_event("llm.request"))["hd"]["id"]
    await client.send("llm.request", {"prompt": "me too"})
    second = (await client.recv_event("llm.request"))["hd"]["id"]
    await client.send("llm.cancel", {"reply_id": f"r{second}"})
    cancelled = await end(client)
    assert (cancelled["bd"]["request_id"], cancelled["bd"]["finish_reason"]) == (second, "cancelled")
    await client.send("llm.cancel", {"reply_id": f"r{first}"})
    assert (await end(client))["bd"]["request_id"] == first


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"policy": "sometimes"}, "policy"),
        ({"llm": "nobody"}, "llm"),
        ({"system": "x" * 8_001}, "system"),
        ({"name_a": "[B] "}, "name_a"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_invalid_setting_is_refused(server: processes.Web, sid: str, settings: dict[str, str], field: str) -> None:
    path, body = f"/api/chat/sessions/{sid}", json.dumps(settings).encode()
    answer = fetch(server, path, "PATCH", {"Content-Type": "application/json"}, body)
    assert (answer.status, answer.json["error"]["field"]) == (400, field)
    assert fetch(server, path).json["settings"]["policy"] == "mention"
