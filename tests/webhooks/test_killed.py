"""Processes that are killed lose no webhook, and another worker goes on, at once if the first has ended by itself."""

import asyncio
from contextlib import closing

import pytest
import redis

from chat.models import AuditRecord
from doqchat.store import keys
from tests import processes
from tests.chat.fetch import post
from tests.client import WITHIN
from tests.conftest import Connect
from tests.stand_ins.webhook_receiver import Webhook, WebhookReceiver
from tests.webhooks.conftest import QUICK, Site, endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
async def test_a_killed_worker_loses_nothing_and_keeps_the_order(site: Site, sid: str) -> None:
    stalled = True

    def decide(webhook: Webhook) -> int | None:
        return None if stalled and webhook["data"]["bd"]["text"] == "3" else 204

    async with WebhookReceiver(decide) as receiver:
        await endpoint(receiver.url, "message.created")
        with site.worker() as killed:
            for number in range(6):
                await asyncio.to_thread(post, site.web, sid, str(number), role="A")
            while (webhook := await receiver.next())["data"]["bd"]["text"] != "3":
                continue
            killed.kill()
        assert webhook["answered"] is None
        stalled = False
        with site.worker():
            after = [(await receiver.next())["data"]["bd"]["text"] for _ in range(3)]
    with closing(redis.Redis.from_url(site.store_url)) as store:
        assert not store.exists(keys.WEBHOOKS), "a worker that is stopped releases the lease"
    assert after == ["3", "4", "5"]
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert len(ids) == 7
    assert len(set(ids)) == 6, "the attempt that was interrupted is repeated with the same id"


@pytest.mark.slow
async def test_a_killed_web_process_loses_no_member_whom_it_has_noted(site: Site, connect: Connect, sid: str) -> None:
    async with WebhookReceiver() as receiver:
        await endpoint(receiver.url, "member.joined")
        with processes.web(DOQCHAT_REDIS_URL=site.store_url) as web:
            await connect(web, sid, role="A")
            with closing(redis.Redis.from_url(site.store_url)) as store:
                async with asyncio.timeout(WITHIN):
                    while sid not in str(store.xrange(keys.MEMBERS)):  # noqa: ASYNC110 - no event
                        await asyncio.sleep(0.01)
            web.process.kill()
        with site.worker():
            assert (await receiver.next())["data"]["sid"] == sid


@pytest.mark.slow
async def test_members_of_a_web_process_that_is_killed_have_left(
    own_store: processes.Store, connect: Connect, sid: str
) -> None:
    quick = {**QUICK, "DJANGO_SETTINGS_MODULE": "tests.webhooks.quick_notes", "DOQCHAT_REDIS_URL": own_store.url}
    async with WebhookReceiver() as receiver:
        await endpoint(receiver.url, "member.joined", "member.left")
        with processes.web(**quick) as other, processes.llm_worker(own_store.url, **quick):
            await connect(other, sid, role="B")
            with processes.web(**quick) as killed:
                await connect(killed, sid, role="A")
                joined = await of_role(receiver, "member.joined", "A")
                killed.process.kill()
                left = await of_role(receiver, "member.left", "A")
            assert left["data"] == joined["data"]
            record = await AuditRecord.objects.aget(action=AuditRecord.Action.LEFT, role="A")
            assert record.sid == sid
            assert record.details == {"connection": left["data"]["connection"]}


async def of_role(receiver: WebhookReceiver, kind: str, role: str) -> Webhook:
    """The next webhook of a member with a role. Each arrives at least once, so there may be others of other roles."""
    while (webhook := await receiver.next(kind))["data"]["role"] != role:
        continue
    return webhook
