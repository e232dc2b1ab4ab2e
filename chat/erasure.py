"""Erases a session or a person: what was said, and what the database says about them."""

import asyncio
import hashlib
import json

from asgiref.sync import sync_to_async
from django.db import transaction

from chat.audit import Action, Actor, record
from chat.audit_batches import BATCH_SECONDS
from chat.models import AuditRecord, ChatSession, Invite
from chat.vacuum import rewrite_database
from chat.webhooks import deliveries, members
from doqchat.archive.models import ArchivedSession
from doqchat.engine import engine
from doqchat.erasure import Erased, Eraser
from doqchat.sessions import check_sid

RECORDED_WITHIN = 2 * BATCH_SECONDS
"""Seconds after which web processes have recorded who has joined."""

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
    await sync_to_async(rewrite_database)()


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


def _digest(subject: str) -> str:
    """A digest of a `sub` for the audit trail; only someone who has the `sub` can compare it."""
    return hashlib.sha256(subject.encode()).hexdigest()[:16]
