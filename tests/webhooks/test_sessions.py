"""What happens in sessions reaches the endpoints, through a web process and a worker."""

import asyncio
import json
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.utils import timezone

from chat.webhooks import deliveries
from chat.webhooks.models import EventType, WebhookDelivery, WebhookEndpoint
from chat.webhooks.signature import headers
from tests.chat.fetch import post
from tests.client import WITHIN
from tests.conftest import Connect
from tests.processes import Process
from tests.stand_ins.webhook_receiver import Webhook, WebhookReceiver
from tests.store.refusing import fill, make_room
from tests.webhooks.conftest import Site, endpoint

pytestmark = pytest.mark.django_db(transaction=True)
State = WebhookDelivery.State


async def until_all_are(state: str, count: int) -> list[WebhookDelivery]:
    """The deliveries once they all have a state."""
    async with asyncio.timeout(WITHIN):
        while True:
            rows = [each async for each in WebhookDelivery.objects.order_by("pk")]
            if [each.state for each in rows] == [state] * count:
                return rows
            await asyncio.sleep(0.05)


def texts(webhooks: list[Webhook]) -> list[str]:
    return [webhook["data"]["bd"]["text"] for webhook in webhooks]


@pytest.mark.slow
async def test_everything_that_happens_in_a_session_is_sent_once_and_signed(
    site: Site, worker: Process, connect: Connect, sid: str
) -> None:
    async with WebhookReceiver() as receiver:
        target = await endpoint(receiver.url)
        minji = await connect(site.web, sid, v1=True, role="A", name="Minji")
        joined = await receiver.next("member.joined")
        assert joined["data"] | {"connection": ""} == {
            "sid": sid, "connection": "", "role": "A", "name": "Minji", "sub": None
        }  # fmt: skip
        await minji.say("안녕", msg_id="m1")
        said = await minji.recv_event("chat.message")
        await minji.send("llm.request", {"prompt": "hi"})
        replied = await minji.recv_event("llm.response")
        assert await asyncio.to_thread(site.moderate, "DELETE", f"{sid}/messages/{said['hd']['id']}")
        await minji.recv_event("message.removed")
        assert (await asyncio.to_thread(site.moderate, "DELETE", sid)).status == 204
        assert (await asyncio.to_thread(site.moderate, "POST", f"{sid}/reopen")).status == 204
        await receiver.next("member.left")
        rows = await until_all_are(State.DELIVERED, 8)
    bodies = [json.loads(request.body) for request in receiver.requests]
    assert [body["type"] for body in bodies if body["type"] not in ("member.joined", "member.left")] == [
        "message.created", "message.created", "reply.finished", "message.removed", "session.closed", "session.reopened"
    ]  # fmt: skip
    (reply,) = [body for body in bodies if body["type"] == "reply.finished"]
    assert reply["data"] == {"sid": sid, "hd": without_prev(replied["hd"]), "bd": replied["bd"]}
    assert len({each.message_id for each in rows}) == len(bodies) == 8
    for request in receiver.requests:
        got = request.headers
        signed = headers([target.secret], got["webhook-id"], int(got["webhook-timestamp"]), request.body)
        assert got.items() >= signed.items()


def without_prev(hd: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in hd.items() if name != "prev"}


async def test_an_endpoint_gets_only_its_types_and_what_happened_after_it_was_added(
    site: Site, worker: Process, sid: str
) -> None:
    async with WebhookReceiver() as receiver:
        await asyncio.to_thread(post, site.web, sid, "before", role="A")
        await endpoint(receiver.url, "message.created", "session.closed")
        await asyncio.to_thread(post, site.web, sid, "after", role="A")
        await asyncio.to_thread(site.moderate, "PUT", f"{sid}/mutes/B")
        await asyncio.to_thread(site.moderate, "DELETE", sid)
        await receiver.next("session.closed")
    assert [json.loads(request.body)["type"] for request in receiver.requests] == ["message.created", "session.closed"]
    assert json.loads(receiver.requests[0].body)["data"]["bd"]["text"] == "after"


@pytest.mark.slow
async def test_a_session_stays_in_order_while_its_webhooks_fail(site: Site, worker: Process, sid: str) -> None:
    failing = iter([500, 503, None, 500])

    def decide(webhook: Webhook) -> int | None:
        return next(failing, 204) if webhook["data"]["sid"] == sid else 204

    async with WebhookReceiver(decide) as receiver:
        await endpoint(receiver.url, "message.created")
        for number in range(4):
            await asyncio.to_thread(post, site.web, sid, str(number), role="A")
        await asyncio.to_thread(post, site.web, f"{sid}-other", "other", role="A")
        got = [await receiver.next() for _ in range(9)]
    own = [webhook for webhook in got if webhook["data"]["sid"] == sid]
    assert texts(own) == ["0", "0", "0", "0", "0", "1", "2", "3"], "the first is repeated until it is accepted"
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 5
    other = next(number for number, webhook in enumerate(got) if webhook["data"]["sid"] != sid)
    assert other < got.index(own[-3]), "another session does not wait for it"


async def test_an_endpoint_that_never_answers_does_not_delay_others(site: Site, worker: Process, sid: str) -> None:
    async with WebhookReceiver(lambda _: None) as silent, WebhookReceiver() as other:
        await endpoint(silent.url, "message.created")
        await endpoint(other.url, "message.created")
        for number in range(12):
            await asyncio.to_thread(post, site.web, f"{sid}-{number}", "hi", role="A")
        for _ in range(12):
            await other.next()
        assert await WebhookDelivery.objects.filter(endpoint__url=silent.url, state=State.PENDING).acount() == 12


async def test_a_dead_delivery_is_retried_at_once_though_its_session_waits(
    site: Site, worker: Process, sid: str
) -> None:
    async with WebhookReceiver() as receiver:
        target = await endpoint(receiver.url)
        now = timezone.now()
        known: dict[str, Any] = {"endpoint": target, "type": EventType.MEMBER_LEFT, "data": "{}", "happened_at": now}
        dead = await WebhookDelivery.objects.acreate(
            **known, sid=sid, message_id="dead", state=State.DEAD, attempts=9, attempted_at=now
        )
        await WebhookDelivery.objects.acreate(
            **known, sid=sid, message_id="later", attempts=9, attempted_at=now, due_at=now + timedelta(hours=1)
        )
        await WebhookDelivery.objects.acreate(**known, sid=f"{sid}-other", message_id="other")
        await receiver.next()
        await sync_to_async(deliveries.retry)(WebhookDelivery.objects.filter(pk=dead.pk))
        await receiver.next()
    assert [request.headers["webhook-id"] for request in receiver.requests] == ["other", "dead"]


async def test_webhooks_are_sent_while_the_store_is_full(site: Site, worker: Process, sid: str) -> None:
    with closing(redis.Redis.from_url(site.store_url)) as client:
        async with WebhookReceiver() as receiver:
            known: dict[str, Any] = {
                "endpoint": await endpoint(receiver.url),
                "type": EventType.MEMBER_LEFT,
                "data": "{}",
            }
            known |= {"sid": sid, "happened_at": timezone.now()}
            await WebhookDelivery.objects.acreate(**known, message_id="msg_1")
            await receiver.next()
            fill(client)
            try:
                await WebhookDelivery.objects.acreate(**known, message_id="msg_2")
                await receiver.next()
            finally:
                make_room(client)


async def test_410_disables_the_endpoint(site: Site, worker: Process, sid: str) -> None:
    async with WebhookReceiver(lambda _: 410) as receiver:
        target = await endpoint(receiver.url, "message.created")
        await asyncio.to_thread(post, site.web, sid, "hi", role="A")
        (row,) = await until_all_are(State.DEAD, 1)
        await asyncio.to_thread(post, site.web, sid, "again", role="A")
    assert (row.attempts, row.status) == (1, 410)
    target = await WebhookEndpoint.objects.aget(pk=target.pk)
    assert not target.enabled
    assert "410" in target.disabled_because
    assert len(receiver.requests) == 1
