"""What administrators can do to a session. Each action is recorded in the audit trail."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chat import erasure, retention
from chat.access import invites
from chat.admin import session_action_forms as asked
from chat.audit import Action, Actor, record
from chat.models import Invite
from doqchat.access.principal import Principal
from doqchat.conf import access_mode
from doqchat.engine import engine
from doqchat.errors import Conflict, NotFound
from doqchat.moderation import Moderator
from doqchat.store.revocations import ALL
from doqchat.submission import configure

MODERATE, EXPORT, ERASE = "moderate", "export", "erase"
"""Permissions: `MODERATE_chatsession`."""

Perform = Callable[[Principal, dict[str, Any]], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What is done only after a confirmation.

    Attributes:
        name: its name in URLs.
        permission: what the user needs.
        title: what it is called.
        effect: what it does, for the confirmation.
    """

    name: str
    permission: str
    title: Promise
    effect: Promise


@dataclass(frozen=True, slots=True)
class SessionAction(Confirmed):
    """An action on one session.

    Attributes:
        perform: does it, with the form's values; False if nothing had to be changed. Raises DoqchatError.
        form: what has to be stated.
        several: whether it is offered for several sessions at once.
        cannot_be_undone: whether the confirmation warns.
    """

    perform: Perform
    form: type[forms.Form] = asked.Nothing
    several: bool = False
    cannot_be_undone: bool = False


async def perform(action: SessionAction, by: Principal, stated: dict[str, Any]) -> bool:
    """Do it, after bringing the session back to the store if it has left it; raises DoqchatError."""
    await engine().stream.keep(by.sid)
    return await action.perform(by, stated)


async def finish(action: SessionAction) -> None:
    """What follows when all chosen sessions are done; raises Unavailable."""
    if action.permission == ERASE and action.cannot_be_undone:
        await erasure.rewrite_files()


async def _notice(by: Principal, stated: dict[str, Any]) -> bool:
    entry_id = await Moderator(engine(), by).notice(stated["text"])
    await _record(Action.NOTICED, by, id=entry_id)
    return True


async def _cancel(by: Principal, stated: dict[str, Any]) -> bool:
    active = (await engine().snapshots.take(by.sid)).replies
    cancelled = False
    for reply in active:
        with suppress(NotFound):  # it has just ended
            await engine().cancellation.cancel(by.sid, reply.reply_id)
            await _record(Action.CANCELLED, by, id=reply.request_id)
            cancelled = True
    return cancelled


async def _take_over(by: Principal, stated: dict[str, Any]) -> bool:
    changes = {"policy": "off"}
    await configure(engine(), by, changes)
    await _record(Action.CONFIGURED, by, settings=changes)
    return True


async def _remove(by: Principal, stated: dict[str, Any]) -> bool:
    removed = await Moderator(engine(), by).remove(stated["id"], stated["reason"])
    if removed:
        await _record(Action.REMOVED, by, **stated)
    return removed


async def _mute(by: Principal, stated: dict[str, Any]) -> bool:
    role, reason = stated["role"], stated["reason"]
    seconds = None if stated["minutes"] is None else stated["minutes"] * 60
    await Moderator(engine(), by).mute(role, seconds, reason)
    await _record(Action.MUTED, by, role=role, seconds=seconds, reason=reason)
    return True


async def _unmute(by: Principal, stated: dict[str, Any]) -> bool:
    unmuted = await Moderator(engine(), by).unmute(stated["role"])
    if unmuted:
        await _record(Action.UNMUTED, by, **stated)
    return unmuted


async def _close(by: Principal, stated: dict[str, Any]) -> bool:
    closed = await Moderator(engine(), by).close(stated["reason"])
    if closed:
        await _record(Action.CLOSED, by, **stated)
    return closed


async def _reopen(by: Principal, stated: dict[str, Any]) -> bool:
    reopened = await Moderator(engine(), by).reopen()
    if reopened:
        await _record(Action.REOPENED, by)
    return reopened


async def _revoke(by: Principal, stated: dict[str, Any]) -> bool:
    if access_mode() == "open":
        raise Conflict("Access is open on this site: there is nothing to revoke.")
    async for invite in Invite.objects.filter(sid=by.sid, revoked_at=None):
        await invites.revoke(invite)
    await Moderator(engine(), by).revoke(ALL)
    await _record(Action.REVOKED, by, what=ALL)
    return True


async def _hold(by: Principal, stated: dict[str, Any]) -> bool:
    return await retention.set_hold(by.sid, Actor.of(by), hold=True)


async def _release(by: Principal, stated: dict[str, Any]) -> bool:
    return await retention.set_hold(by.sid, Actor.of(by), hold=False)


async def _erase(by: Principal, stated: dict[str, Any]) -> bool:
    found = await erasure.erase_session(by.sid, Actor.of(by))
    if found.held:
        raise Conflict("The session is on legal hold: nothing of it is erased.")
    return True


async def _record(action: Action, by: Principal, **detail: object) -> None:
    await record(action, by.sid, Actor.of(by), **detail)


ACTIONS = {
    action.name: action
    for action in (
        SessionAction(
            "notice",
            MODERATE,
            _("Send a notice"),
            _("All members see the text as a line of the conversation, with your name. It is stored."),
            _notice,
            asked.Notice,
        ),
        SessionAction(
            "cancel",
            MODERATE,
            _("Cancel active replies"),
            _("The running reply ends with the text so far, and the queued ones end without text."),
            _cancel,
        ),
        SessionAction(
            "take-over",
            MODERATE,
            _("Take over from the model"),
            _("The model no longer answers by itself, and a running automatic reply is withdrawn."),
            _take_over,
        ),
        SessionAction(
            "remove",
            MODERATE,
            _("Remove a message"),
            _("A placeholder replaces the text for all members, in the history, searches and prompts."),
            _remove,
            asked.Removal,
            cannot_be_undone=True,
        ),
        SessionAction(
            "mute",
            MODERATE,
            _("Mute a role"),
            _("Messages and requests of the role are refused; it can still read."),
            _mute,
            asked.Mute,
        ),
        SessionAction("unmute", MODERATE, _("Unmute a role"), _("The role can write again."), _unmute, asked.Role),
        SessionAction(
            "close",
            MODERATE,
            _("Close the session"),
            _("Active replies are cancelled, all connections are closed, and nothing more is accepted."),
            _close,
            asked.Reason,
            several=True,
        ),
        SessionAction("reopen", MODERATE, _("Reopen the session"), _("Members can connect and write again."), _reopen),
        SessionAction(
            "revoke",
            MODERATE,
            _("Revoke all access"),
            _("All tokens and invites that were issued until now become invalid, and their connections are closed."),
            _revoke,
            cannot_be_undone=True,
        ),
        SessionAction(
            "hold",
            ERASE,
            _("Put on legal hold"),
            _("Nothing of the session is deleted or erased until the hold ends."),
            _hold,
            several=True,
        ),
        SessionAction(
            "release",
            ERASE,
            _("End the legal hold"),
            _("The session can be erased again, and events that retention does not keep are deleted."),
            _release,
        ),
        SessionAction(
            "erase",
            ERASE,
            _("Erase what was said"),
            _("The text of all events, the title, the names and the instructions are erased. Placeholders remain."),
            _erase,
            several=True,
            cannot_be_undone=True,
        ),
    )
}

DOWNLOAD = Confirmed(
    "export",
    EXPORT,
    _("Export the session"),
    _("The file has everything that was said, the names, and the instructions of the model."),
)
