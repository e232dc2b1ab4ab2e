"""Everything that people send passes through `submit`, over a socket, over HTTP or from Django code."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import cast

from doqchat import tracing
from doqchat.access.principal import Principal
from doqchat.engine import Engine
from doqchat.errors import DoqchatError, Forbidden, InvalidMessage, RateLimited, Rejected, UnknownEvent
from doqchat.fanout.expiry import watch
from doqchat.fanout.member import Member
from doqchat.filters import Message
from doqchat.joining import sync
from doqchat.llm import llms
from doqchat.protocol import server
from doqchat.protocol.events import (
    AuthRefresh,
    AuthRefreshed,
    Body,
    ChatMessage,
    ChatRead,
    ChatTyping,
    LLMCancel,
    LLMRequest,
    Ping,
    Pong,
    SessionSync,
)
from doqchat.protocol.frames import Frame
from doqchat.protocol.ids import order
from doqchat.protocol.names import Capability
from doqchat.replies.mention import has_at_sign, mentions
from doqchat.replies.metrics import count_refusal
from doqchat.signals import message_filtered, message_stored
from doqchat.store.settings import SessionSettings
from doqchat.store.stream import Appended, Manner
from doqchat.tracing import SESSION_ID

log = logging.getLogger(__name__)


async def submit(engine: Engine, principal: Principal, frame: Frame, member: Member | None = None) -> Appended | None:
    """Authorize a valid frame, check limits, filter its text, and execute it.

    A message or a request is stored and published atomically; a request is queued with it, and an automatic reply that
    it supersedes is cancelled. Typing and read receipts are relayed to all but the sender. A ping gets a pong, a sync
    starts a replay, and a new token replaces the current one.

    Args:
        engine: the engine of the running loop.
        principal: the sender.
        frame: the frame.
        member: the sender's connection; None for HTTP and Django code.

    Returns:
        The result of storing the event; None for ephemeral events.

    Raises:
        Forbidden, RoleForbidden: the sender is not authorized.
        Unauthenticated: the new token is invalid.
        UnknownEvent: the event requires a connection.
        InvalidMessage: the request names a model that is not configured.
        NotFound: the session has no such reply, or no such event.
        RateLimited: it exceeds a limit, or the day's tokens are used up.
        Rejected: a filter does not allow its text.
        Conflict, Unreadable, Unavailable: nothing was stored.
        Uncertain: it is unknown whether the event is stored.
    """
    kind = type(frame.body)
    principal.authorize(frame, _CAPABILITIES[kind])
    if frame.body.durable:
        if not tracing.is_on():
            return await _store(engine, principal, frame, member)
        with tracing.span(f"receive {frame.event}", "server", {SESSION_ID: principal.sid}):
            return await _store(engine, principal, frame, member)
    if member is None:
        known = f"{ChatMessage.event} and {LLMRequest.event}"
        raise UnknownEvent(f"Without a socket one sends {known} alone.", field="hd.event")
    member.limits.take_ephemeral()
    await _EPHEMERAL[kind](engine, member, frame)
    return None


async def configure(engine: Engine, principal: Principal, changes: dict[str, str]) -> None:
    """Change a session's settings; members are notified.

    Args:
        engine: the engine of the running loop.
        principal: who changes them. Turning automatic replies off requires only `send`: a person takes over.
        changes: validated settings; an empty value means the default.

    Raises:
        Forbidden: the principal may not change them.
        Unreadable, Unavailable: nothing was changed.
    """
    takes_over = changes == {"policy": "off"} and "send" in principal.can
    if not takes_over:
        principal.require("configure")
    await engine.stream.keep(principal.sid)
    settings = await engine.settings.change(principal.sid, changes)
    engine.session_index.note(principal.sid)
    changed = {name: value for name, value in settings.visible(configure=False).items() if name in changes}
    _publish(engine, principal.sid, server.changed_settings(principal.sid, changed, principal.role, principal.name))


async def _limit(engine: Engine, principal: Principal, frame: Frame, member: Member | None) -> None:
    """Count an event that is to be stored, for its connection, person and address; raises RateLimited.

    The session and the role are counted when it is stored.
    """
    if member is not None:
        member.limits.take_stored(frame.size)
    elif principal.address is not None and not await engine.stream.length(principal.sid):
        engine.clients.new_session(principal.address)
    if isinstance(frame.body, LLMRequest):
        engine.clients.request(principal)


async def _store(engine: Engine, principal: Principal, frame: Frame, member: Member | None) -> Appended:
    sid, body = principal.sid, frame.body
    try:
        await _limit(engine, principal, frame, member)
        ask = await _asked(engine, sid, body) if isinstance(body, LLMRequest) else ""
        if ask:
            await _check_budget(engine, sid, frame)
        digest = frame.digest() if frame.msg_id else ""  # of what was sent, so that a resend is a duplicate
        replaced_by: list[str] = []
        if engine.filters:
            frame, replaced_by = await _filter(engine, principal, frame)
        manner = await _manner(engine, sid, frame.text) if isinstance(body, ChatMessage) else ""
        appended = await engine.stream.append(
            sid,
            frame.role,
            frame.stored(sid),
            msg_id=frame.msg_id,
            digest=digest,
            ask=ask,
            person=principal.person,
            manner=manner,
            origin=tracing.origin() if ask else "",
        )
    except RateLimited as refusal:
        if refusal.limit:
            count_refusal(engine.shards.of(sid), refusal.limit)
        raise
    if not appended.duplicate:
        known = _described(principal, frame)
        engine.signals.post(message_stored, **known, id=appended.id, text=frame.text)
        if replaced_by:
            engine.signals.post(message_filtered, **known, id=appended.id, verdict="replaced", filters=replaced_by)
    if not engine.hub.note_later(sid):
        with suppress(DoqchatError):  # the event is stored
            await engine.session_index.touch([sid])
    return appended


async def _cancel(engine: Engine, member: Member, frame: Frame) -> None:
    await engine.cancellation.cancel(member.principal.sid, cast(LLMCancel, frame.body).reply_id)


async def _type(engine: Engine, member: Member, frame: Frame) -> None:
    engine.typing.note(member.principal.sid, frame.role, active=cast(ChatTyping, frame.body).active)
    _relay(engine, member, frame)


async def _read(engine: Engine, member: Member, frame: Frame) -> None:
    """Move the receipt of a role; it is also news when another person of the role has read that far."""
    entry_id = cast(ChatRead, frame.body).id
    moved = await engine.read_receipts.mark(member.principal.sid, frame.role, entry_id)
    if moved or order(entry_id) > order(member.read_up_to):
        _relay(engine, member, frame)
    member.read_up_to = max(member.read_up_to, entry_id, key=order)


async def _sync(engine: Engine, member: Member, frame: Frame) -> None:
    if member.session is not None:
        await sync(engine, member.session, member, cast(SessionSync, frame.body).since)


async def _refresh(engine: Engine, member: Member, frame: Frame) -> None:
    known = member.principal
    if not known.verified:
        raise Forbidden("Access is open here: there is no token to refresh.")
    token = cast(AuthRefresh, frame.body).token
    renewed = await engine.authenticator.principal(known.sid, known.role, [token])
    if renewed.subject != known.subject:
        raise Forbidden("The token is for somebody else.", field="bd.token")
    renewed.require("read")
    if member.session is not None:
        member.session.revoked.check(renewed)
    member.principal = replace(renewed, address=known.address)
    refreshed = AuthRefreshed(expires_in=round(watch(member)), can=sorted(renewed.can))
    member.push(server.ephemeral(known.sid, refreshed))


async def _ping(engine: Engine, member: Member, frame: Frame) -> None:
    member.push(server.plain(member.principal.sid, Pong.event, frame.bd))


def _relay(engine: Engine, member: Member, frame: Frame) -> None:
    """Publish an ephemeral frame to all but its sender."""
    sid = member.principal.sid
    _publish(engine, sid, frame.stored(sid), sender=member.connection)


def _publish(engine: Engine, sid: str, text: str, sender: str | None = None) -> None:
    """Publish an ephemeral frame to `doqchat.v1` clients without waiting; lost if the store is unreachable."""
    message = {"type": "session.signal", "text": text, "full": True, "sender": sender}
    shard = engine.shards.of(sid)
    shard.pipeline.post("PUBLISH", shard.channel(sid), engine.layer.serialize(message))


async def _asked(engine: Engine, sid: str, request: LLMRequest) -> str:
    """The alias of the requested model, or the session's."""
    if request.llm is None:
        return _configured(sid, (await engine.settings.of(sid)).llm)
    if request.llm not in llms:
        raise InvalidMessage(llms.unknown(request.llm), field="bd.llm")
    return request.llm


def _configured(sid: str, alias: str) -> str:
    """The alias in the session's settings; the default if the site no longer has this model."""
    if alias in llms:
        return alias
    log.warning("Session %s is set to the model %r, which is not configured; the default is asked.", sid, alias)
    return SessionSettings().llm


async def _check_budget(engine: Engine, sid: str, frame: Frame) -> None:
    """Check the daily budget; a request that is already stored needs no tokens."""
    try:
        await engine.budget.check()
    except RateLimited:
        if not (frame.msg_id and await engine.stream.knows(sid, frame.role, frame.msg_id)):
            raise


async def _filter(engine: Engine, principal: Principal, frame: Frame) -> tuple[Frame, list[str]]:
    """The frame with the text that the filters leave, and the names of those that have replaced it.

    A message that is already stored is not rejected when it is resent: it is a duplicate. Raises Rejected, Unavailable.
    """
    message = Message(principal.sid, frame.role, frame.event, frame.text)
    try:
        filtered = await engine.filters.apply(message, check=frame.saying)
    except Rejected as refusal:
        if not (frame.msg_id and await engine.stream.knows(principal.sid, frame.role, frame.msg_id)):
            verdict = {"id": "", "verdict": "rejected", "filters": [refusal.details["filter"]]}
            engine.signals.post(message_filtered, **_described(principal, frame), **verdict)
            raise
        return frame.saying("…"), []  # stored if the msg_id expires right now, instead of the rejected text
    return frame.saying(filtered.text) if filtered.replaced_by else frame, filtered.replaced_by


def _described(principal: Principal, frame: Frame) -> dict[str, str | None]:
    """The arguments of signals about a message."""
    who = {"role": frame.role, "name": frame.hd.get("name"), "subject": principal.subject}
    return {"sid": principal.sid, "event": frame.event, **who}


async def _manner(engine: Engine, sid: str, text: str) -> Manner:
    """Whether a message mentions the assistant; empty if it has only white space.

    The assistant's name is read only for texts with an @.
    """
    if not text.strip():
        return ""
    if not has_at_sign(text):
        return "said"
    return "mentioned" if mentions(text, (await engine.settings.of(sid)).name_llm) else "said"


_CAPABILITIES: dict[type[Body], Capability] = {
    ChatMessage: "send",
    LLMRequest: "ask",
    LLMCancel: "cancel",
    ChatTyping: "send",
    ChatRead: "send",
    SessionSync: "read",
    AuthRefresh: "read",
    Ping: "read",
}
_EPHEMERAL: dict[type[Body], Callable[[Engine, Member, Frame], Awaitable[None]]] = {
    LLMCancel: _cancel,
    ChatTyping: _type,
    ChatRead: _read,
    SessionSync: _sync,
    AuthRefresh: _refresh,
    Ping: _ping,
}
