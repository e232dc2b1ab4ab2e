"""Two people on bare clients, on both servers and across processes: the main promise."""

import json

import pytest
import redis

from doqchat.store import keys
from tests.client import Client
from tests.conftest import Connect
from tests.processes import Web

TEXTS = [
    "안녕하세요! 😊",
    "こんにちは、元気ですか",
    "你好，世界",
    "👨\u200d👩\u200d👧\u200d👦🇰🇷",
    "\u1112\u1161\u11ab",
    "<b>&amp;</b>",
    "\u0000\\u0041",
]


async def talk(here: Client, there: Client) -> list[str]:
    """A and B say all the texts in turn; what was said."""
    said = []
    for number, text in enumerate(TEXTS):
        await (here, there)[number % 2].say(text, role="AB"[number % 2])
        said.append(text)
        # The next waits for this one, so that the order is known.
        assert (await here.recv())["bd"]["text"] == (await there.recv())["bd"]["text"] == text
    return said


async def test_each_receives_each_message_once_and_in_order(any_server: Web, connect: Connect, sid: str) -> None:
    clients = [await connect(any_server, sid), await connect(any_server, sid)]
    for number in range(50):
        await clients[number % 2].say(str(number), role="AB"[number % 2])
    received = [[await client.recv() for _ in range(50)] for client in clients]
    assert received[0] == received[1]
    assert sorted(int(frame["bd"]["text"]) for frame in received[0]) == list(range(50))
    for role, said in (("A", range(0, 50, 2)), ("B", range(1, 50, 2))):
        assert [int(frame["bd"]["text"]) for frame in received[0] if frame["hd"]["role"] == role] == list(said)
    ids = [frame["hd"]["id"] for frame in received[0]]
    assert [frame["hd"]["prev"] for frame in received[0]] == ["0-0", *ids[:-1]]


async def test_another_session_receives_nothing(any_server: Web, connect: Connect, sid: str) -> None:
    here, elsewhere = await connect(any_server, sid), await connect(any_server, f"{sid}.2")
    await here.say("private")
    await here.recv()
    await elsewhere.say("own")  # comes the same way, after the other
    assert (await elsewhere.recv())["bd"]["text"] == "own"


async def test_a_message_without_a_role_is_stored_as_user(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    client = await connect(any_server, sid)
    await client.send_raw('{"hd": {"event": "chat.message"}, "bd": {"text": "hi"}}')
    assert (await client.recv())["hd"]["role"] == "user"
    ((_, fields),) = store.xrange(keys.stream(sid))
    assert fields["participant"] == "user"


async def test_a_message_without_a_role_speaks_as_the_url_says(any_server: Web, connect: Connect, sid: str) -> None:
    client = await connect(any_server, sid, role="B")
    await client.say("hi")
    assert (await client.recv())["hd"]["role"] == "B"


@pytest.mark.parametrize("text", TEXTS)
async def test_every_language_comes_back_byte_for_byte(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str, text: str
) -> None:
    client = await connect(any_server, sid)
    await client.say(text, role="A")
    frame = await client.recv_raw()
    written = json.dumps(text, ensure_ascii=False)
    assert f'"text":{written}' in frame
    ((_, fields),) = store.xrange(keys.stream(sid))
    assert f'"text":{written}' in fields["body"]


async def test_an_answer_that_is_longer_than_any_message_may_be_arrives_live_and_later(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    live = await connect(any_server, sid)
    text = "가" * 400_000  # 1.2 MB
    envelope = {"hd": {"event": "llm.response", "role": "llm"}, "bd": {"text": text, "reply_id": "r1-0"}}
    store.xadd(keys.stream(sid), {"participant": "llm", "body": json.dumps(envelope, ensure_ascii=False)})
    await live.say("and then?")
    for client in (live, await connect(any_server, sid, since="0-0")):
        assert (await client.recv())["bd"]["text"] == text
        assert (await client.recv())["bd"]["text"] == "and then?"


async def test_the_stream_entry_is_as_the_protocol_says(
    any_server: Web, connect: Connect, store: "redis.Redis", sid: str
) -> None:
    client = await connect(any_server, sid)
    await client.send("chat.message", {"text": "안녕하세요", "n": None}, role="A", msg_id="c1-42", lang="ko", id="1-1")
    frame = await client.recv()
    ((entry_id, fields),) = store.xrange(f"chat:session:{sid}", "-", "+")
    assert set(fields) == {"participant", "body"}
    assert fields["participant"] == "A"
    stored = json.loads(fields["body"])
    assert set(stored) == {"hd", "bd"}
    assert stored["hd"].pop("timestamp").endswith("Z")
    assert stored["hd"] == {"event": "chat.message", "role": "A", "msg_id": "c1-42", "lang": "ko", "sid": sid}
    assert stored["bd"] == {"text": "안녕하세요", "n": None}
    del frame["hd"]["timestamp"]
    assert frame == {"hd": {**stored["hd"], "id": entry_id, "prev": "0-0"}, "bd": stored["bd"]}


async def test_a_bare_client_gets_one_frame_for_each_message_and_nothing_else(
    any_server: Web, connect: Connect, sid: str
) -> None:
    client, other = await connect(any_server, sid), await connect(any_server, sid, v1=True)
    await other.recv_event("session.welcome")
    await other.send("chat.typing", {"active": True})
    await other.say("1", msg_id="m1")
    await other.recv_event("chat.ack")
    await client.say("2", msg_id="m2")
    assert [(await client.recv())["bd"]["text"] for _ in range(2)] == ["1", "2"]
    await other.close()
    await client.say("3")
    assert (await client.recv())["bd"]["text"] == "3"


@pytest.mark.parametrize("there", ["second_server", "daphne_server"])
async def test_two_web_processes_on_one_store_are_one_session(
    request: pytest.FixtureRequest, server: Web, connect: Connect, store: "redis.Redis", sid: str, there: str
) -> None:
    a, b = await connect(server, sid), await connect(request.getfixturevalue(there), sid)
    said = await talk(a, b)
    stored = [json.loads(fields["body"])["bd"]["text"] for _, fields in store.xrange(keys.stream(sid))]
    assert stored == said


async def test_what_two_processes_say_at_once_has_one_order(
    server: Web, second_server: Web, connect: Connect, sid: str
) -> None:
    clients = [await connect(server, sid), await connect(second_server, sid)]
    for number in range(100):
        for client in clients:
            await client.say(str(number))
    received = [[await client.recv() for _ in range(200)] for client in clients]
    assert received[0] == received[1]


async def test_presence_and_typing_cross_processes(server: Web, daphne_server: Web, connect: Connect, sid: str) -> None:
    a = await connect(server, sid, v1=True, role="A")
    b = await connect(daphne_server, sid, v1=True, role="B")
    while (await a.recv_event("presence"))["bd"]["members"] != {"A": 1, "B": 1}:
        pass
    await b.send("chat.typing", {"active": True})
    assert (await a.recv_event("chat.typing"))["hd"]["role"] == "B"


async def test_a_request_is_answered_across_processes(
    server: Web, daphne_server: Web, worker: object, connect: Connect, sid: str
) -> None:
    a, b = await connect(server, sid, role="A"), await connect(daphne_server, sid, role="B")
    await a.say("오늘은 김치찌개를 먹었어요.")
    await a.send("llm.request", {"prompt": "지금까지 대화를 요약해 줘"})
    seen = [await client.recv_until("llm.response", "llm.error") for client in (a, b)]
    assert seen[0] == seen[1]
    assert seen[0][-1]["hd"]["event"] == "llm.response"
    said = "".join(frame["bd"]["text"] for frame in seen[0] if frame["hd"]["event"] == "llm.streaming")
    assert said == seen[0][-1]["bd"]["text"]
