"""A request gets one answer, which is streamed to the whole session."""

import asyncio
from typing import Any

import pytest

from doqchat.protocol.ids import order
from doqchat.store import keys
from tests import processes
from tests.conftest import Connect
from tests.replies.conftest import Site
from tests.replies.conversation import ENDS, ask, joined, pieces


@pytest.mark.parametrize(
    ("alias", "model"),
    [
        ({}, "stand-in-001"),
        ({"llm": "gemini"}, "stand-in-001"),
        ({"llm": "gemini-legacy"}, "stand-in-001"),
        ({"llm": "demo"}, "demo"),
    ],
    ids=["default", "gemini", "gemini-legacy", "demo"],
)
async def test_the_pieces_add_up_to_the_response_for_both_clients(
    site: Site, web: processes.Web, connect: Connect, sid: str, alias: dict[str, str], model: str
) -> None:
    clients = [await connect(web, sid, role="A"), await connect(web, sid, role="B", v1=True)]
    request = await ask(clients[0], "[[pieces=5 pace=0.03]]", **alias)
    for client in clients:
        frames = await client.recv_until(*ENDS)
        response, said = frames[-1], pieces(frames)
        assert response["hd"]["event"] == "llm.response"
        assert (response["hd"]["role"], response["hd"]["prev"]) == ("llm", request["hd"]["id"])
        assert len(said) >= 3
        assert joined(said) == response["bd"]["text"] != ""
        assert {piece["request_id"] for piece in [*said, response["bd"]]} == {request["hd"]["id"]}
        assert len({piece["reply_id"] for piece in [*said, response["bd"]]}) == 1
        assert {piece["attempt"] for piece in said} == {1}
        assert (response["bd"]["finish_reason"], response["bd"]["model"]) == ("stop", model)


async def test_the_prompt_contains_the_earlier_messages(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid, role="A")
    await client.say("내 이름은 하나예요.")
    await client.recv()
    await ask(client, "[[pieces=1]] 내 이름이 뭐죠?")
    await client.recv_event(*ENDS)
    (call,) = site.calls("내 이름은 하나예요.")
    assert "내 이름이 뭐죠?" in str(call["body"]["contents"][-1])


async def test_the_response_has_the_usage_of_the_provider(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    await ask(client, "[[pieces=2]]")
    end = await client.recv_event(*ENDS)
    usage = end["bd"]["usage"]
    took = order(end["hd"]["id"])[0] - order(end["hd"]["prev"])[0]
    assert 0 < end["bd"]["first_piece_ms"] <= took
    assert "attempt" not in end["bd"]
    assert usage["input_tokens"] > 0
    assert usage["output_tokens"] > 0


async def test_two_workers_answer_each_request_once(site: Site, web: processes.Web, connect: Connect, sid: str) -> None:
    client = await connect(web, sid)
    for _ in range(10):
        await client.send("llm.request", {"prompt": "[[pieces=3 pace=0.01]]"})
    ended: list[Any] = [await client.recv_event(*ENDS) for _ in range(10)]
    asked = [entry["id"] for entry in site.stored(sid, "llm.request")]
    assert sorted(frame["bd"]["request_id"] for frame in ended) == sorted(asked)
    assert [frame["hd"]["event"] for frame in ended] == ["llm.response"] * 10
    assert len(site.stored(sid, *ENDS)) == 10
    assert not site.store.exists(keys.replies(sid))
    assert site.store.keys(f"*{sid}*reply*") + site.store.keys(f"*{sid}*replies*") == []


async def test_sessions_are_answered_concurrently(site: Site, web: processes.Web, connect: Connect, sid: str) -> None:
    clients = [await connect(web, f"{sid}-{number}") for number in range(3)]
    for client in clients:
        await client.send("llm.request", {"prompt": "[[pieces=15 pace=0.05]]"})
    conversations = [await client.recv_until(*ENDS) for client in clients]
    begun, ended = [], []
    for frames in conversations:
        assert joined(pieces(frames)) == frames[-1]["bd"]["text"] != ""
        streaming = [frame for frame in frames if frame["hd"]["event"] == "llm.streaming"]
        begun.append(streaming[0]["hd"]["timestamp"])
        ended.append(frames[-1]["hd"]["timestamp"])
    assert max(begun) < min(ended), "they were answered one after the other"


async def test_simultaneous_requests_of_sessions_are_answered_at_the_first_attempt(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    clients = [await connect(web, f"{sid}-{number}") for number in range(12)]
    for _ in range(20):
        await asyncio.gather(*(client.send("llm.request", {"prompt": "[[pieces=3 pace=0.02]]"}) for client in clients))
        conversations = [await client.recv_until(*ENDS) for client in clients]
        assert {piece["attempt"] for frames in conversations for piece in pieces(frames)} == {1}
        if len({frames[0]["hd"]["id"] for frames in conversations}) < len(clients):
            return
    pytest.fail("No two were asked in the same millisecond.")


async def test_a_client_that_joins_during_a_reply_gets_the_whole_text(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    asking = await connect(web, sid)
    request = await ask(asking, "[[pieces=40 pace=0.04]]")
    begun = []
    for since in (None, "0", None):
        await asking.recv_event("llm.streaming")
        client = await connect(web, sid, v1=True, since=since)
        (reply,) = (await client.recv_event("session.welcome"))["bd"]["replies"]
        begun.append((client, reply))
    for client, reply in begun:
        assert (reply["request_id"], reply["attempt"], reply["state"]) == (request["hd"]["id"], 1, "streaming")
        frames = await client.recv_until(*ENDS)
        later = [piece for piece in pieces(frames) if piece["offset"] >= len(reply["text"])]
        assert joined(later, begun=reply["text"]) == frames[-1]["bd"]["text"]
        assert later


async def test_a_reply_that_has_ended_is_not_in_the_welcome(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    asking = await connect(web, sid)
    await ask(asking, "[[pieces=3]]")
    await asking.recv_event(*ENDS)
    client = await connect(web, sid, v1=True)
    assert (await client.recv())["bd"]["replies"] == []


@pytest.mark.parametrize(
    ("script", "code"),
    [("status=400", None), ("status=429", "rate_limited"), ("pieces=8 cut=4 pace=0.02", None), ("html=1", None)],
)
async def test_a_failed_reply_ends_in_an_error_with_its_text_so_far(
    site: Site, web: processes.Web, connect: Connect, sid: str, script: str, code: str | None
) -> None:
    client = await connect(web, sid)
    await ask(client, f"[[{script}]]")
    frames = await client.recv_until(*ENDS)
    error = frames[-1]
    assert (error["hd"]["event"], error["hd"]["role"]) == ("llm.error", "llm")
    assert error["bd"]["text"] == joined(pieces(frames))
    assert error["bd"]["message"]
    assert "Traceback" not in error["bd"]["message"]
    assert code in (None, error["bd"]["code"])
    assert len(site.stored(sid, *ENDS)) == 1


async def test_a_model_that_is_not_configured_is_named_and_nothing_is_stored(
    site: Site, web: processes.Web, connect: Connect, sid: str
) -> None:
    client = await connect(web, sid)
    await client.send("llm.request", {"prompt": "hi", "llm": "nobody"}, msg_id="m1")
    error = (await client.recv())["bd"]
    assert (error["code"], error["field"], error["msg_id"]) == ("invalid_message", "bd.llm", "m1")
    assert "nobody" in error["message"]
    assert site.store.xlen(keys.stream(sid)) == 0
