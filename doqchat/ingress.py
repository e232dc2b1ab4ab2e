"""What people send, over a socket, over HTTP or from Django code: all of it comes in through `submit`."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

from doqchat.engine import Engine
from doqchat.errors import DoqchatError, InvalidMessage, RateLimited
from doqchat.llm import llms
from doqchat.protocol.events import Body, ChatMessage, ChatRead, ChatTyping, LLMCancel, LLMRequest
from doqchat.protocol.frames import Frame
from doqchat.replies.mention import has_at_sign, mentions
from doqchat.replies.metrics import count_refusal
from doqchat.store.settings import SessionSettings
from doqchat.store.stream import Appended, Manner

log = logging.getLogger(__name__)


async def submit(engine: Engine, sid: str, frame: Frame, sender: str = "") -> Appended | None:
    """Do what a valid frame asks for.

    A message or a request is stored and published atomically; a request is queued with it, and an automatic reply that
    it supersedes ends. A cancel ends a reply. Typing and read marks are relayed.

    Args:
        engine: the engine of the running loop.
        sid: the session.
        frame: what is sent; `ping` and `session.sync` concern a connection alone and are not for here.
        sender: the connection that it came on, to which nothing is relayed.

    Returns:
        Where the event is stored; None for one that is not.

    Raises:
        InvalidMessage: the request names a model that is not configured.
        NotFound: the session has no such reply, or no such event to be marked as read.
        RateLimited: it is a request, and one too many, or the day's tokens are used up.
        Conflict, Unreadable, Unavailable: nothing was stored.
        Uncertain: the store has not said whether it is stored.
    """
    return await _EVENTS[type(frame.body)](engine, sid, frame, sender)


async def _store(engine: Engine, sid: str, frame: Frame, sender: str) -> Appended:
    body = frame.body
    try:
        ask = await _asked(engine, sid, body) if isinstance(body, LLMRequest) else ""
        if ask:
            await _check_budget(engine, sid, frame)
        manner = await _manner(engine, sid, body) if isinstance(body, ChatMessage) else ""
        digest = frame.digest() if frame.msg_id else ""
        appended = await engine.stream.append(
            sid, frame.role, frame.stored(sid), msg_id=frame.msg_id, digest=digest, ask=ask, manner=manner
        )
    except RateLimited as refusal:
        count_refusal(engine.shards.of(sid), refusal.limit)
        raise
    if not engine.hub.note_later(sid):
        with suppress(DoqchatError):  # what is stored is not reported as refused
            await engine.registry.touch([sid])
    return appended


async def _cancel(engine: Engine, sid: str, frame: Frame, sender: str) -> None:
    await engine.cancellation.interrupt(sid, cast(LLMCancel, frame.body).reply_id, "cancelled")


async def _type(engine: Engine, sid: str, frame: Frame, sender: str) -> None:
    engine.typing.note(sid, frame.role, active=cast(ChatTyping, frame.body).active)
    _relay(engine, sid, frame, sender)


async def _read(engine: Engine, sid: str, frame: Frame, sender: str) -> None:
    if await engine.reading.mark(sid, frame.role, cast(ChatRead, frame.body).id):
        _relay(engine, sid, frame, sender)


def _relay(engine: Engine, sid: str, frame: Frame, sender: str) -> None:
    """Publish what is not stored, in the form in which it would be, without waiting; lost without the store."""
    message = {"type": "session.signal", "text": frame.stored(sid), "full": True, "sender": sender}
    shard = engine.shards.of(sid)
    shard.pipeline.post("PUBLISH", shard.channel(sid), engine.layer.serialize(message))


async def _asked(engine: Engine, sid: str, request: LLMRequest) -> str:
    """The alias of the model that a request is for: its own, or the session's."""
    if request.llm is None:
        return _configured(sid, (await engine.settings.of(sid)).llm)
    if request.llm not in llms:
        known = ", ".join(sorted(llms))
        raise InvalidMessage(f"There is no model {request.llm!r}; there are {known}.", field="bd.llm")
    return request.llm


def _configured(sid: str, alias: str) -> str:
    """The alias that is set for a session, or the default: a model can be removed from the site."""
    if alias in llms:
        return alias
    log.warning("Session %s is set to the model %r, which is not configured; the default is asked.", sid, alias)
    return SessionSettings().llm


async def _check_budget(engine: Engine, sid: str, frame: Frame) -> None:
    """See that there are tokens left for a request; one that was stored before needs no more."""
    try:
        await engine.budget.check()
    except RateLimited:
        if not (frame.msg_id and await engine.stream.knows(sid, frame.role, frame.msg_id)):
            raise


async def _manner(engine: Engine, sid: str, message: ChatMessage) -> Manner:
    """Whether a message calls the assistant, or has nothing in it that could be answered.

    The assistant's name is looked up only where there is an @.
    """
    if not message.text.strip():
        return ""
    if not has_at_sign(message.text):
        return "said"
    return "mentioned" if mentions(message.text, (await engine.settings.of(sid)).name_llm) else "said"


_EVENTS: dict[type[Body], Callable[[Engine, str, Frame, str], Awaitable[Appended | None]]] = {
    ChatMessage: _store,
    LLMRequest: _store,
    LLMCancel: _cancel,
    ChatTyping: _type,
    ChatRead: _read,
}
