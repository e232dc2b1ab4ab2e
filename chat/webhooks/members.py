"""Members who join and leave: queued in batches in the background, so that connecting requires no query.

They are not events of the session. Those of the last second are lost if the process dies.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from datetime import UTC, datetime

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection
from pydantic_core import to_json

from chat.webhooks.models import EventType, WebhookDelivery
from chat.webhooks.outbox import enabled_endpoints, queue
from doqchat.access.principal import Principal
from doqchat.fanout.member import Member
from doqchat.loop_end import at_loop_end

log = logging.getLogger(__name__)

BATCH_SECONDS = 1.0
"""How long they are collected."""

MOST_IN_BATCH = 10_000
"""Maximum number per batch; others are counted in the log."""

_Happened = tuple[EventType, datetime, str, Principal]


class MemberWebhooks:
    """Queues the members who join and leave, of one event loop."""

    def __init__(self) -> None:
        self._batch: list[_Happened] = []
        self._omitted = 0
        self._writing: asyncio.Task[None] | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="webhooks")

    def joined(self, member: Member) -> None:
        """A connection has joined a session."""
        self._add(EventType.MEMBER_JOINED, member)

    def left(self, member: Member) -> None:
        """A connection has left a session."""
        self._add(EventType.MEMBER_LEFT, member)

    async def close(self) -> None:
        """Queue what is collected."""
        if self._writing is not None:
            self._writing.cancel()
        if self._batch:
            await self._store()
        self._executor.shutdown(wait=False)
        _running.pop(asyncio.get_running_loop(), None)

    def _add(self, kind: EventType, member: Member) -> None:
        if len(self._batch) == MOST_IN_BATCH:
            self._omitted += 1
            return
        self._batch.append((kind, datetime.now(UTC), member.connection, member.principal))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_later(), context=Context())

    async def _write_later(self) -> None:
        await asyncio.sleep(BATCH_SECONDS)
        try:
            await self._store()
        finally:
            self._writing = None

    async def _store(self) -> None:
        batch, self._batch = self._batch, []
        omitted, self._omitted = self._omitted, 0
        if omitted:
            log.warning("%s webhooks of members were not queued: there were too many at once.", omitted)
        try:
            await sync_to_async(_write, thread_sensitive=False, executor=self._executor)(batch)
        except DatabaseError as error:
            log.error("%s webhooks of members were not queued: %s", len(batch), error)


_running: dict[asyncio.AbstractEventLoop, tuple[MemberWebhooks, AsyncGenerator[None, None]]] = {}


def member_webhooks() -> MemberWebhooks:
    """Those of the running event loop, which are closed with it."""
    loop = asyncio.get_running_loop()
    if loop not in _running:
        current = MemberWebhooks()
        _running[loop] = current, at_loop_end(current.close)
    return _running[loop][0]


def _write(batch: list[_Happened]) -> None:
    try:
        endpoints = enabled_endpoints()
        ids = [f"msg_{uuid.uuid4().hex}" for _ in batch]
        queue(
            WebhookDelivery(
                endpoint=endpoint,
                message_id=message_id,
                type=kind,
                sid=who.sid,
                data=to_json(_described(connection_name, who)).decode(),
                happened_at=moment,
            )
            for endpoint in endpoints
            for (kind, moment, connection_name, who), message_id in zip(batch, ids, strict=True)
            if kind in endpoint.types.split()
        )
    finally:
        connection.close()  # otherwise a database that shuts down would wait for this thread


def _described(name: str, who: Principal) -> dict[str, str | None]:
    return {"sid": who.sid, "connection": name, "role": who.role, "name": who.name, "sub": who.subject}
