"""Erases a session or a person: what was said, and what the database says about them."""

import asyncio
import hashlib
import json
import logging

from asgiref.sync import sync_to_async
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from chat.audit import Action, Actor, record
from chat.audit_batches import BATCH_SECONDS
from chat.models import AuditRecord, ChatSession, Invite
from chat.webhooks import deliveries, members
from chat.webhooks.models import WebhookDelivery
from doqchat.archive.models import ArchivedEvent, ArchivedSession
from doqchat.engine import engine
from doqchat.erasure import Erased, Eraser
from doqchat.sessions import check_sid

log = logging.getLogger(__name__)

RECORDED_WITHIN = 2 * BATCH_SECONDS
"""Seconds after which web processes have recorded who has joined."""

LARGEST_REWRITTEN = 2**28
"""Size in bytes of the largest table that PostgreSQL rewrites; takes about 10 seconds, in which others wait for it."""

LOCK_SECONDS = 5
"""How long PostgreSQL waits for those who use a table, before it rewrites it; others queue behind it."""

_TABLES = tuple(
    model._meta.db_table
    for model in (ArchivedEvent, ArchivedSession, AuditRecord, ChatSession, Invite, WebhookDelivery)
)
"""The tables that can have texts and names."""

_INVITED = "invite:"
"""The beginning of the `sub` of the members that an invite has admitted."""


async def erase_session(sid: str, by: Actor, *, dry_run: bool = False) -> Erased:
    """Erase a session, see `Eraser.session`; an audit record remains.

    Its other audit records lose who did what, and verdicts of filters are deleted.
    """
    check_sid(sid)
    found = await Eraser(engine()).session(sid, dry_run=dry_run)
    if not dry_run and not found.held:
        await asyncio.sleep(RECORDED_WITHIN)
        await members.erase(next(iter(engine().shards)), sid=sid)
        await sync_to_async(_forget_session)(sid)
        await record(Action.ERASED, sid, by, events=found.events[sid])
    return found


async def erase_person(subject: str, by: Actor, *, replies: bool = False, dry_run: bool = False) -> Erased:
    """Erase what a person has said in all sessions, see `Eraser.person`; an audit record remains in each.

    Audit records about the person lose who it was, and verdicts of filters and queued webhooks are deleted, except in
    sessions on hold.
    """
    found = await Eraser(engine()).person(subject, replies=replies, dry_run=dry_run)
    if not dry_run:
        await asyncio.sleep(RECORDED_WITHIN)
        held = {sid async for sid in ArchivedSession.objects.filter(hold=True).values_list("sid", flat=True)}
        await members.erase(next(iter(engine().shards)), subject=subject, held=held)
        await sync_to_async(_forget_person)(subject, held)
        for sid, events in found.events.items():
            await record(Action.ERASED, sid, by, events=events, person=_digest(subject))
    return found


async def rewrite_files() -> None:
    """Rewrite the files of the store and the database, which may still have what was erased. Takes minutes at most."""
    await Eraser(engine()).rewrite_store()
    await sync_to_async(_rewrite_database)()


@transaction.atomic
def _forget_session(sid: str) -> None:
    Invite.objects.filter(sid=sid).update(name="")
    deliveries.erase(sid=sid)
    ChatSession.objects.filter(sid=sid).update(title="")
    records = AuditRecord.objects.filter(sid=sid).exclude(action=Action.ERASED)
    records.filter(action__in=(Action.REPLACED, Action.REJECTED)).delete()
    records.update(subject="", name="", address="", detail="{}")


@transaction.atomic
def _forget_person(subject: str, held: set[str]) -> None:
    if subject.startswith(_INVITED) and (number := subject.removeprefix(_INVITED)).isdecimal():
        for invite in Invite.objects.filter(pk=int(number)).exclude(sid__in=held):
            _forget_name(invite)
    deliveries.erase(subject=subject, held=held)
    records = AuditRecord.objects.filter(subject=subject).exclude(action=Action.ERASED).exclude(sid__in=held)
    records.filter(action__in=(Action.REPLACED, Action.REJECTED)).delete()
    records.update(subject="", name="", address="", detail="{}")


def _forget_name(invite: Invite) -> None:
    """Erase the name of an invite's members, also where its creation is recorded."""
    invite.name = ""
    invite.save(update_fields=["name"])
    for created in AuditRecord.objects.filter(sid=invite.sid, action__in=(Action.CREATED, Action.INVITED)):
        detail = created.details
        for described in detail.get("invites", []):
            if described["id"] == invite.pk:
                described["name"] = None
        created.detail = json.dumps(detail, ensure_ascii=False)
        created.save(update_fields=["detail"])


def _rewrite_database() -> None:
    """Remove old versions of rows: from the search index, and from SQLite's write-ahead log or PostgreSQL's tables."""
    from doqchat.archive.search_index import index_of  # its models require an installed app

    index_of().compact()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (busy, _pages, _moved) = cursor.fetchone()
            if busy:
                log.warning("SQLite's log still has what was erased: something reads the database. Erase it again.")
        elif connection.vendor == "postgresql":
            cursor.execute("VACUUM")
            _rewrite_tables(cursor)


def _rewrite_tables(cursor: CursorWrapper) -> None:
    """Rewrite PostgreSQL's tables: VACUUM only marks the place of old rows as free, and leaves their bytes there.

    Nobody can use a table meanwhile, so one that is large, or is in use for long as by a backup, stays as it is.
    """
    cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    try:
        for table in _TABLES:
            if not _rewrite_table(cursor, table):
                log.warning(
                    "PostgreSQL's files still have what was erased. Run when the site may pause: VACUUM FULL %s", table
                )
    finally:
        cursor.execute("RESET lock_timeout")


def _rewrite_table(cursor: CursorWrapper, table: str) -> bool:
    """Returns whether it was rewritten."""
    cursor.execute("SELECT pg_total_relation_size(%s) <= %s", [table, LARGEST_REWRITTEN])
    (small,) = cursor.fetchone()
    try:
        if small:
            cursor.execute(f"VACUUM FULL {table}")
    except OperationalError:
        return False
    return bool(small)


def _digest(subject: str) -> str:
    """A digest of a `sub` for the audit trail; only someone who has the `sub` can compare it."""
    return hashlib.sha256(subject.encode()).hexdigest()[:16]
