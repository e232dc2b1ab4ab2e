"""Members who join and leave: noted in the store, from where a worker queues their webhooks.

They are not events of the session. So connecting requires no query, and a process that dies loses none.
"""

from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json

from chat.webhooks.models import EventType, WebhookDelivery
from chat.webhooks.outbox import enabled_endpoints, queue
from doqchat.archive.database_threads import DatabaseThreads
from doqchat.engine import Engine
from doqchat.fanout.member import Member
from doqchat.protocol.ids import id_after, time_of
from doqchat.store import keys
from doqchat.store.clients import pairs
from doqchat.store.shards import Shard

MOST = 20_000
"""Number of joins and leaves that the store keeps for a worker, about 5 MB; older ones are dropped."""

AT_ONCE = 500

_Entries = Sequence[tuple[str, list[str]]]


def note_joined(engine: Engine, member: Member) -> None:
    """A connection has joined a session."""
    _note(engine, EventType.MEMBER_JOINED, member)


def note_left(engine: Engine, member: Member) -> None:
    """A connection has left a session."""
    _note(engine, EventType.MEMBER_LEFT, member)


async def collect(shard: Shard, database: DatabaseThreads) -> None:
    """Queue the webhooks of the members that are noted.

    Those of a process that dies in between are found again, and are not queued twice. Raises DoqchatError.
    """
    while noted := await shard.pipeline.execute("XRANGE", keys.MEMBERS, "-", "+", "COUNT", AT_ONCE):
        await database.run(_queue, noted)
        await shard.pipeline.execute("XTRIM", keys.MEMBERS, "MINID", id_after(noted[-1][0]) or "+")


async def erase(shard: Shard, *, sid: str | None = None, subject: str | None = None) -> None:
    """Delete what is noted of a session or of a person. Raises DoqchatError."""
    noted: _Entries = await shard.pipeline.execute("XRANGE", keys.MEMBERS, "-", "+")
    for entry_id, flat in noted:
        known = from_json(dict(pairs(flat))["data"])
        if known["sid"] == sid or (subject is not None and known["sub"] == subject):
            await shard.pipeline.execute("XDEL", keys.MEMBERS, entry_id)


def _note(engine: Engine, kind: EventType, member: Member) -> None:
    who = member.principal
    known = {"sid": who.sid, "connection": member.connection, "role": who.role, "name": who.name, "sub": who.subject}
    if engine.archive is not None:  # without one no worker sends webhooks
        shard = next(iter(engine.shards))
        fields = ("type", kind.value, "data", to_json(known).decode())
        shard.pipeline.post("XADD", keys.MEMBERS, "MAXLEN", "~", MOST, "*", *fields)


def _queue(noted: _Entries) -> None:
    """Queue a webhook for each of them and each endpoint."""
    queue(_deliveries(noted))


def _deliveries(noted: _Entries) -> list[WebhookDelivery]:
    endpoints = enabled_endpoints()
    ids = {entry_id: f"msg_member_{entry_id.replace('-', '_')}" for entry_id, _ in noted}
    there = set(WebhookDelivery.objects.filter(message_id__in=ids.values()).values_list("message_id", flat=True))
    found = []
    for entry_id, flat in noted:
        fields: dict[str, Any] = dict(pairs(flat))
        for endpoint in endpoints:
            wanted = fields["type"] in endpoint.types.split() and time_of(entry_id) >= endpoint.created_at
            if wanted and ids[entry_id] not in there:
                found.append(
                    WebhookDelivery(
                        endpoint=endpoint,
                        message_id=ids[entry_id],
                        type=fields["type"],
                        sid=from_json(fields["data"])["sid"],
                        data=fields["data"],
                        happened_at=time_of(entry_id),
                    )
                )
    return found
