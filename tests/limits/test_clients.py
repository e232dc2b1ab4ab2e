"""Limits per address, session and role on running servers. A trusted proxy names the address of each client."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
import redis

from doqchat.store import keys
from tests.chat.fetch import Answer, fetch, post
from tests.client import Client
from tests.conftest import Connect
from tests.processes import Web, web

LIMITS = {
    "CONNECTION_MESSAGES": 8,
    "CONNECTION_CHARACTERS": 100_000,
    "ROLE_MESSAGES": 10,
    "ROLE_BYTES": 66_000,
    "SESSION_MESSAGES": 15,
    "SESSION_BYTES": 90_000,
    "SESSION_CONNECTIONS": 5,
    "ADDRESS_CONNECTIONS": 3,
    "ADDRESS_HANDSHAKES": 12,
    "ADDRESS_SESSIONS": 4,
    "ADDRESS_HISTORY": 3,
    "ADDRESS_SEARCHES": 2,
    "ADDRESS_EXPORTS": 2,
    "ADDRESS_PAGES": 3,
    "ADDRESS_CALLS": 40,
    "ADDRESS_REQUESTS": 3,
}
SETTING = ",".join(f"{name}={most}" for name, most in LIMITS.items())


@pytest.fixture(scope="module", params=["uvicorn", "daphne"])
def limited(request: pytest.FixtureRequest, store_url: str, django_db_setup: None) -> Iterator[Web]:
    with web(request.param, DOQCHAT_LIMITS=SETTING) as limited:
        yield limited


@pytest.fixture(scope="module")
def other_process(store_url: str, django_db_setup: None) -> Iterator[Web]:
    with web("uvicorn", DOQCHAT_LIMITS=SETTING) as other:
        yield other


@pytest.fixture
def begun(store: "redis.Redis", sid: str) -> str:
    """A session that has begun."""
    store.xadd(keys.stream(sid), {"participant": "A", "body": '{"hd": {"event": "chat.message"}, "bd": {}}'})
    return sid


def an_address() -> dict[str, str]:
    """The headers of a client whose address is its own."""
    return {"X-Forwarded-For": f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"}


async def refusal(client: Client) -> dict[str, object]:
    """The error of a connection that is closed with 4429."""
    error = (await client.recv())["bd"]
    assert error["code"] == "rate_limited"
    assert await client.close_code() == 4429
    return error


def assert_limited(answer: Answer) -> None:
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) == answer.json["error"]["retry_after"] > 0


async def test_an_address_has_so_many_sockets_and_others_have_their_own(
    limited: Web, connect: Connect, begun: str
) -> None:
    mine = an_address()
    open_sockets = [await connect(limited, begun, v1=True, headers=mine) for _ in range(3)]
    for client in open_sockets:
        await client.recv_event("session.welcome")
    too_many = await connect(limited, begun, v1=True, headers=mine)
    assert (await refusal(too_many))["retry_after"] == 10
    await (await connect(limited, begun, v1=True, headers=an_address())).recv_event("session.welcome")
    await open_sockets[0].close()
    while (await open_sockets[1].recv_event("presence"))["bd"]["members"]["user"] != 3:
        continue
    again = await connect(limited, begun, v1=True, headers=mine)
    assert (await again.recv())["hd"]["event"] == "session.welcome"


async def test_the_addresses_of_one_ipv6_network_count_as_one(limited: Web, connect: Connect, begun: str) -> None:
    network = f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}"
    for number in range(3):
        client = await connect(limited, begun, v1=True, headers={"X-Forwarded-For": f"{network}::{number}"})
        await client.recv_event("session.welcome")
    await refusal(await connect(limited, begun, headers={"X-Forwarded-For": f"{network}:1:2:3:4"}))


async def test_attempts_to_connect_are_limited_even_when_they_fail(limited: Web, connect: Connect) -> None:
    mine = an_address()
    for _ in range(12):
        assert await (await connect(limited, "not!valid", headers=mine)).close_code() == 4400
    await refusal(await connect(limited, "not!valid", headers=mine))


async def test_a_session_has_so_many_connections(limited: Web, connect: Connect, begun: str) -> None:
    for _ in range(5):
        await (await connect(limited, begun, v1=True, headers=an_address())).recv_event("session.welcome")
    await refusal(await connect(limited, begun, v1=True, headers=an_address()))


async def test_sessions_that_begin_are_limited_and_others_go_on(limited: Web, connect: Connect, begun: str) -> None:
    mine = an_address()
    for _ in range(2):
        client = await connect(limited, f"test-{uuid.uuid4().hex}", v1=True, headers=mine)
        await client.recv_event("session.welcome")
        await client.close()
    for _ in range(2):
        assert post(limited, f"test-{uuid.uuid4().hex}", "hello", headers=mine).status == 201
    assert_limited(post(limited, f"test-{uuid.uuid4().hex}", "hello", headers=mine))
    await refusal(await connect(limited, f"test-{uuid.uuid4().hex}", v1=True, headers=mine))
    assert post(limited, begun, "hello", headers=mine).status == 201


@pytest.mark.parametrize(
    ("path", "most"),
    [("/api/chat/history/{sid}", 3), ("/api/chat/history/{sid}?q=ab", 2), ("/api/chat/sessions/{sid}/export", 2)],
    ids=["history", "search", "export"],
)
def test_calls_are_limited_by_kind(limited: Web, begun: str, path: str, most: int) -> None:
    mine = an_address()
    for _ in range(most):
        assert fetch(limited, path.format(sid=begun), headers=mine).status == 200
    assert_limited(fetch(limited, path.format(sid=begun), headers=mine))
    assert fetch(limited, f"/api/chat/sessions/{begun}", headers=mine).status == 200


@pytest.mark.slow
@pytest.mark.django_db  # pytest-django sets the database up where a test has this mark
def test_pages_are_limited_and_the_refusal_is_a_page(limited: Web, begun: str) -> None:
    mine = an_address() | {"Accept-Language": "ko"}
    statuses = [fetch(limited, path, headers=mine).status for path in ("/", f"/s/{begun}/", "/i/unknown/")]
    assert statuses == [200, 200, 410]
    refused = fetch(limited, f"/s/{begun}/", headers=mine)
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "<title>429 · doqchat</title>" in refused.text
    assert "요청이 너무 많아요" in refused.text


async def test_messages_of_a_connection_are_limited(limited: Web, connect: Connect, begun: str) -> None:
    client = await connect(limited, begun, v1=True, role="A")
    for number in range(9):
        await client.say(f"{number}", msg_id=f"m{number}")
    frames = [await client.recv_event("chat.ack", "error") for _ in range(9)]
    assert Counter(frame["hd"]["event"] for frame in frames) == {"chat.ack": 8, "error": 1}
    error = next(frame["bd"] for frame in frames if frame["hd"]["event"] == "error")
    assert (error["code"], error["msg_id"]) == ("rate_limited", "m8")
    assert 0 < error["retry_after"] <= 60


async def test_the_size_of_the_messages_of_a_connection_is_limited(limited: Web, connect: Connect, begun: str) -> None:
    client = await connect(limited, begun, v1=True, role="A")
    for number in range(3):
        await client.say("x" * 8_000, msg_id=f"m{number}", more="y" * 32_000)
    kinds = [(await client.recv_event("chat.ack", "error"))["hd"]["event"] for _ in range(3)]
    assert sorted(kinds) == ["chat.ack", "error", "error"]  # the second is too much for the role, see ROLE_BYTES


def test_the_size_of_the_messages_of_a_role_and_of_a_session_is_limited(limited: Web, begun: str) -> None:
    def send(role: str, size: int) -> tuple[int, str]:
        answer = post(limited, begun, "x" * 8_000, role=role, more="y" * (size - 8_000))
        error = answer.json.get("error", {})
        return answer.status, error.get("message", "").partition(" exceeded")[0]

    assert send("A", 50_000) == (201, "")
    assert send("A", 30_000) == (429, "Rate limit of the messages of A")
    assert send("B", 30_000) == (201, "")
    assert send("B", 30_000) == (429, "Rate limit of the messages of this session")


async def test_messages_of_a_role_and_of_a_session_are_counted_exactly_over_two_processes(
    limited: Web, other_process: Web, store: "redis.Redis", begun: str
) -> None:
    def send(number: int) -> int:
        return post((limited, other_process)[number % 2], begun, f"{number}", role="AB"[number % 4 // 2]).status

    statuses = Counter(await asyncio.gather(*(asyncio.to_thread(send, number) for number in range(40))))
    assert statuses == {201: 15, 429: 25}
    assert store.xlen(keys.stream(begun)) == 1 + 15
    by_role = Counter(entry["participant"] for _, entry in store.xrange(keys.stream(begun), min="(0")[1:])
    assert max(by_role.values()) <= 10


def test_a_duplicate_is_not_a_message_more(limited: Web, begun: str) -> None:
    assert [post(limited, begun, "same", role="A", msg_id="one").status for _ in range(20)] == [201] + [200] * 19


async def test_requests_of_an_address_are_limited_over_all_sessions(
    limited: Web, connect: Connect, store: "redis.Redis"
) -> None:
    mine, answers = an_address(), []
    for _ in range(4):
        sid = f"test-{uuid.uuid4().hex}"
        client = await connect(limited, sid, v1=True, role="A", headers=mine)
        await client.send("llm.request", {"prompt": "hello"}, msg_id="m")
        answers.append(await client.recv_event("chat.ack", "error"))
        await client.close()
    assert [frame["hd"]["event"] for frame in answers] == ["chat.ack"] * 3 + ["error"]
    assert answers[-1]["bd"]["code"] == "rate_limited"
