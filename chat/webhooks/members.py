"""Members who join and leave: a worker queues their webhooks from the notes of the web processes."""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from pydantic_core import from_json, to_json

from chat.audit import Action, Actor, row_of
from chat.models import AuditRecord
from chat.webhooks.models import WebhookDelivery
from chat.webhooks.outbox import enabled_endpoints, queue
from doqchat.archive.database_threads import DatabaseThreads
from doqchat.engine import Engine
from doqchat.fanout.member import Member
from doqchat.protocol.ids import id_after, time_of
from doqchat.store import keys, member_notes
from doqchat.store.clients import pairs
from doqchat.store.member_notes import Notes
from doqchat.store.shards import Shard


def note_joined(engine: Engine, member: Member) -> None:
    """A connection has joined a session."""
    if engine.archive is not None:  # without one no worker sends webhooks
        who = member.principal
        data = {"sid": who.sid, "connection": member.connection, "role": who.role, "name": who.name, "sub": who.subject}
        engine.member_notes.joined(member.connection, to_json(data).decode())


def note_left(engine: Engine, member: Member) -> None:
    """A connection has left a session."""
    engine.member_notes.left(member.connection)


async def collect(shard: Shard, database: DatabaseThreads) -> None:
    """Queue the webhooks of the noted members, and record that connections of killed processes have left.

    If this process dies in between, another one finds the same notes, and queues nothing twice. Raises DoqchatError.
    """
    await member_notes.note_lost(shard)
    while noted := await member_notes.first(shard):
        await database.run(_take, noted)
        await shard.pipeline.execute("XTRIM", keys.MEMBERS, "MINID", id_after(noted[-1][0]) or "+")


async def erase(
    shard: Shard, *, sid: str | None = None, subject: str | None = None, held: Collection[str] = ()
) -> None:
    """Delete what is noted of a session or of a person, except in the sessions in `held`. Raises DoqchatError."""

    def concerns(data: str) -> bool:
        known = from_json(data)
        meant = known["sid"] == sid or (subject is not None and known["sub"] == subject)
        return meant and known["sid"] not in held

    await member_notes.delete(shard, concerns)


def _take(noted: Notes) -> None:
    """Queue a webhook for each of them and each endpoint."""
    notes = [(note_id, dict(pairs(flat))) for note_id, flat in noted]
    with transaction.atomic():
        queue(_deliveries(notes))
        AuditRecord.objects.bulk_create(_records(notes))


def _deliveries(notes: list[tuple[str, dict[str, Any]]]) -> list[WebhookDelivery]:
    endpoints = enabled_endpoints()
    ids = {note_id: f"msg_member_{note_id.replace('-', '_')}" for note_id, _ in notes}
    there = set(WebhookDelivery.objects.filter(message_id__in=ids.values()).values_list("message_id", flat=True))
    found = []
    for note_id, fields in notes:
        for endpoint in endpoints:
            wanted = fields["type"] in endpoint.types.split() and time_of(note_id) >= endpoint.created_at
            if wanted and ids[note_id] not in there:
                found.append(
                    WebhookDelivery(
                        endpoint=endpoint,
                        message_id=ids[note_id],
                        type=fields["type"],
                        sid=from_json(fields["data"])["sid"],
                        data=fields["data"],
                        happened_at=time_of(note_id),
                    )
                )
    return found


def _records(notes: list[tuple[str, dict[str, Any]]]) -> list[AuditRecord]:
    """The records of lost connections; web processes record the others."""
    found = []
    for note_id, fields in notes:
        if "lost" in fields:
            known = from_json(fields["data"])
            by = Actor(known["sub"] or "", known["role"], known["name"] or "")
            row = row_of(Action.LEFT, known["sid"], by, {"connection": known["connection"]})
            row.at = time_of(note_id)
            found.append(row)
    there = set(
        AuditRecord.objects.filter(action=Action.LEFT, detail__in=[row.detail for row in found]).values_list(
            "detail", "at"
        )
    )
    return [row for row in found if (row.detail, row.at) not in there]
