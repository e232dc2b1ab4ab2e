"""What people send is filtered before it is stored, however they send it; what the model says, before it is shown."""

import json
from collections.abc import Iterator

import pytest
import redis

from doqchat.engine import Engine
from doqchat.errors import Conflict
from doqchat.filters import Filters, Rejected
from doqchat.sessions import asay
from doqchat.store import keys
from tests.chat.audited import records
from tests.chat.fetch import fetch
from tests.client import Client
from tests.conftest import Connect
from tests.filters.examples import no_tea
from tests.filters.test_chain import PATH
from tests.processes import Store, Web, llm_worker, valkey, web

NAMES = ("louder", "no_tea", "no_coffee_from_the_model", "louder_water_from_the_model", "failing", "hanging")
FILTERS = ",".join(PATH + name for name in NAMES)


@pytest.fixture(scope="module")
def filtered_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with valkey(tmp_path_factory.mktemp("filters") / "valkey") as store:
        yield store


@pytest.fixture(scope="module")
def filtered(filtered_store: Store, django_db_setup: None) -> Iterator[Web]:
    environment = {"DOQCHAT_REDIS_URL": filtered_store.url, "DOQCHAT_FILTERS": FILTERS}
    with web(**environment) as process, llm_worker(filtered_store.url, DOQCHAT_FILTERS=FILTERS):
        yield process


@pytest.fixture
async def client(filtered: Web, connect: Connect, sid: str) -> Client:
    opened = await connect(filtered, sid, role="A", v1=True)
    await opened.recv_event("session.welcome")
    return opened


@pytest.mark.slow
async def test_a_replaced_text_is_stored_and_a_resend_is_a_duplicate(client: Client) -> None:
    await client.say("quiet please", msg_id="m1")
    frames = [await client.recv_event("chat.ack", "chat.message") for _ in range(2)]
    (stored,) = [frame for frame in frames if frame["hd"]["event"] == "chat.message"]
    assert stored["bd"]["text"] == "LOUD please"
    await client.say("quiet please", msg_id="m1")
    ack = (await client.recv_event("chat.ack"))["bd"]
    assert ack == {"msg_id": "m1", "id": stored["hd"]["id"], "duplicate": True}
    await client.say("LOUD please", msg_id="m1")
    assert (await client.recv_event("error"))["bd"]["code"] == "conflict"


@pytest.mark.parametrize(
    ("event", "bd", "code"),
    [
        ("chat.message", {"text": "tea"}, "rejected"),
        ("llm.request", {"prompt": "tea"}, "rejected"),
        ("chat.message", {"text": "empty"}, "unavailable"),
        ("llm.request", {"prompt": "raise"}, "unavailable"),
        ("chat.message", {"text": "hang"}, "unavailable"),
    ],
)
async def test_a_refused_text_is_not_stored_and_the_connection_goes_on(
    client: Client, filtered_store: Store, sid: str, event: str, bd: dict[str, str], code: str
) -> None:
    await client.send(event, bd, msg_id="m1")
    error = (await client.recv_event("error"))["bd"]
    assert (error["code"], error["msg_id"]) == (code, "m1")
    assert error.get("filter") == (PATH + "no_tea" if code == "rejected" else None)
    with redis.Redis.from_url(filtered_store.url) as store:
        assert not store.exists(keys.stream(sid))
    await client.say("water", msg_id="m1")
    assert (await client.recv_event("chat.message"))["bd"]["text"] == "water"


def test_http_answers_422(filtered: Web, sid: str) -> None:
    body = json.dumps({"hd": {"event": "chat.message"}, "bd": {"text": "tea"}}).encode()
    answer = fetch(filtered, f"/api/chat/sessions/{sid}/messages", "POST", {"Content-Type": "application/json"}, body)
    assert (answer.status, answer.json["error"]) == (
        422,
        {"code": "rejected", "message": "Tea is not allowed here.", "filter": PATH + "no_tea"},
    )


async def test_a_stored_message_that_is_resent_is_a_duplicate_even_if_it_would_be_rejected_now(
    engine: Engine, sid: str
) -> None:
    stored = await asay(sid, "tea", msg_id="m1")
    engine.filters = Filters([("no_tea", no_tea)])
    assert await asay(sid, "tea", msg_id="m1") == stored
    with pytest.raises(Conflict):
        await asay(sid, "more tea", msg_id="m1")
    with pytest.raises(Rejected):
        await asay(sid, "tea", msg_id="m2")


async def test_the_model_shows_nothing_of_a_rejected_sentence(client: Client) -> None:
    await client.send("llm.request", {"prompt": "coffee"})
    frames = await client.recv_until("llm.response", "llm.error")
    shown = "".join(frame["bd"]["text"] for frame in frames if frame["hd"]["event"] == "llm.streaming")
    error = frames[-1]["bd"]
    assert (error["code"], error["message"]) == ("rejected", "The assistant does not speak of coffee.")
    assert shown == error["text"] != ""
    assert "coffee" not in shown


@pytest.mark.slow
async def test_the_models_answer_is_shown_as_the_filters_leave_it(client: Client) -> None:
    await client.send("llm.request", {"prompt": "Do you prefer cold water or hot water?"})
    frames = await client.recv_until("llm.response", "llm.error")
    shown = "".join(frame["bd"]["text"] for frame in frames if frame["hd"]["event"] == "llm.streaming")
    assert shown == frames[-1]["bd"]["text"] != ""
    assert "cold WATER or hot WATER" in shown


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
async def test_verdicts_are_kept_without_the_text(client: Client, sid: str) -> None:
    await client.say("quiet please")
    stored = await client.recv_event("chat.message")
    await client.say("tea")
    await client.recv_event("error")
    await client.send("llm.request", {"prompt": "coffee"})
    await client.recv_event("llm.error")
    found = await records(sid, 2, action="rejected") + await records(sid, 1, action="replaced")
    assert {(each.role, each.details["filter"], each.details.get("id")) for each in found} == {
        ("A", f"{PATH}no_tea", None),
        ("llm", f"{PATH}no_coffee_from_the_model", None),
        ("A", f"{PATH}louder", stored["hd"]["id"]),
    }
    assert not any("please" in each.detail for each in found)
