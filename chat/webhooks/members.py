"""Members who join and leave: queued in batches in the background, so that connecting requires no query.

They are not events of the session. Those of the last second are lost if the process dies.
"""

import logging
import uuid
from datetime import UTC, datetime

from django.db import DatabaseError
from pydantic_core import to_json

from chat.batching import Batches, of_running_loop
from chat.webhooks.models import EventType, WebhookDelivery
from chat.webhooks.outbox import enabled_endpoints, queue
from doqchat.access.principal import Principal
from doqchat.fanout.member import Member

log = logging.getLogger(__name__)

MOST_IN_BATCH = 10_000
"""Maximum number per batch; others are counted in the log."""

_Happened = tuple[EventType, datetime, str, Principal]


class MemberWebhooks(Batches):
    """Queues the members who join and leave, of one event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._batch: list[_Happened] = []
        self._omitted = 0

    @property
    def is_empty(self) -> bool:
        return not self._batch

    def joined(self, member: Member) -> None:
        """A connection has joined a session."""
        self._add(EventType.MEMBER_JOINED, member)

    def left(self, member: Member) -> None:
        """A connection has left a session."""
        self._add(EventType.MEMBER_LEFT, member)

    async def store(self) -> None:
        """Queue what is collected."""
        batch, self._batch = self._batch, []
        omitted, self._omitted = self._omitted, 0
        if omitted:
            log.warning("%s webhooks of members were not queued: there were too many at once.", omitted)
        try:
            await self.in_thread(batch)
        except DatabaseError as error:
            log.error("%s webhooks of members were not queued: %s", len(batch), error)

    def write(self, batch: list[_Happened]) -> None:
        """Queue a webhook for each member and endpoint."""
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

    def _add(self, kind: EventType, member: Member) -> None:
        if len(self._batch) == MOST_IN_BATCH:
            self._omitted += 1
            return
        self._batch.append((kind, datetime.now(UTC), member.connection, member.principal))
        self.write_later()


def member_webhooks() -> MemberWebhooks:
    """Those of the running event loop."""
    return of_running_loop(MemberWebhooks)


def _described(name: str, who: Principal) -> dict[str, str | None]:
    return {"sid": who.sid, "connection": name, "role": who.role, "name": who.name, "sub": who.subject}
