"""The store can be a node of a Redis Cluster, the one that owns all hash slots."""

from collections.abc import Iterator

import pytest
import redis

from doqchat.store import keys
from tests import processes
from tests.chat.fetch import fetch, history
from tests.conftest import Connect
from tests.replies.conversation import ENDS, ask, change

SLOW = "one two three four five six seven eight nine ten"


@pytest.fixture(scope="module")
def cluster() -> bool:
    return True


@pytest.fixture
def site(own_store: processes.Store, django_db_setup: None) -> Iterator[processes.Web]:
    """A web process and a worker."""
    with processes.web(DOQCHAT_REDIS_URL=own_store.url) as web, processes.llm_worker(own_store.url):
        yield web


@pytest.mark.slow
async def test_people_talk_and_the_model_answers_when_asked_by_itself_and_until_it_is_cancelled(
    site: processes.Web, own_client: "redis.Redis", connect: Connect, sid: str
) -> None:
    a, b = [await connect(site, sid, v1=True, role=role) for role in "AB"]
    await a.say("안녕")
    assert (await b.recv_event("chat.message"))["bd"]["text"] == "안녕"

    asked = await ask(b, "hi")
    answer = await a.recv_event(*ENDS)
    assert (answer["hd"]["event"], answer["bd"]["request_id"]) == ("llm.response", asked["hd"]["id"])

    change(site, sid, policy="always", wait_seconds=0.3)
    await a.say("answer this by yourself")
    assert (await b.recv_event("llm.response"))["hd"]["event"] == "llm.response"

    change(site, sid, policy="off")
    await ask(a, SLOW)
    piece = await a.recv_event("llm.streaming")
    await a.send("llm.cancel", {"reply_id": piece["bd"]["reply_id"]})
    assert (await a.recv_event(*ENDS))["bd"]["finish_reason"] == "cancelled"

    assert len(history(site, sid).json["messages"]) == own_client.xlen(keys.stream(sid))
    assert fetch(site, "/metrics").status == fetch(site, "/readyz").status == 200
