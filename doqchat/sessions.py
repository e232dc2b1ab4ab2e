"""The API for Django code: send messages and requests from views, management commands, threads and tests.

The functions whose names begin with `a` are coroutines. The others block, and as with every `async_to_sync` cannot be
called from a thread that runs an event loop.
"""

from typing import cast

from asgiref.sync import async_to_sync

from doqchat.access.authorization import Access
from doqchat.access.principal import Principal
from doqchat.engine import engine
from doqchat.errors import InvalidMessage
from doqchat.protocol.events import Body, ChatMessage, LLMRequest
from doqchat.protocol.frames import from_data
from doqchat.protocol.names import DEFAULT_ROLE, Capability, MemberRole, Role, is_sid
from doqchat.store.keys import group_name
from doqchat.store.stream import Appended
from doqchat.submission import submit

_CODE_MAY: frozenset[Capability] = frozenset({"send", "ask"})

__all__ = ["Access", "aask", "asay", "ask", "check_sid", "group_name", "say"]


async def asay(sid: str, text: str, *, role: Role = DEFAULT_ROLE, msg_id: str | None = None) -> str:
    """Store a `chat.message` and deliver it to everyone in the session; returns the event's id.

    The session's reply policy decides whether the model answers, as for a message from a socket.

    Args:
        sid: the session; it begins with its first event.
        text: 1 to 8,000 characters.
        role: who speaks: `A`, `B` or `user`.
        msg_id: 1 to 64 printable ASCII characters. Reusing it for the same role and text within 24 hours stores
            nothing and returns the id of the first event.

    Raises:
        InvalidMessage, RoleForbidden, Rejected, Conflict, Unreadable, Unavailable: nothing is stored.
        Internal: the outcome is unknown; call again with the same `msg_id`.
    """
    return await _send(sid, ChatMessage, {"text": text}, role, msg_id)


async def aask(
    sid: str, prompt: str, *, llm: str | None = None, role: Role = DEFAULT_ROLE, msg_id: str | None = None
) -> str:
    """Store an `llm.request` and deliver it to everyone in the session; returns the event's id.

    The reply follows in the session: it ends in one `llm.response` or `llm.error` whose `request_id` is this id.

    Args:
        sid, role, msg_id: as for `asay`.
        prompt: 1 to 8,000 characters, not only white space.
        llm: the alias of a model; None for the session's.

    Raises:
        RateLimited: nothing is stored; `details["retry_after"]` is the seconds to wait, if known.
        InvalidMessage, RoleForbidden, Rejected, Conflict, Unreadable, Unavailable, Internal: as for `asay`.
    """
    return await _send(sid, LLMRequest, {"prompt": prompt} | ({} if llm is None else {"llm": llm}), role, msg_id)


def say(sid: str, text: str, *, role: Role = DEFAULT_ROLE, msg_id: str | None = None) -> str:
    """`asay` for synchronous code."""
    return async_to_sync(asay)(sid, text, role=role, msg_id=msg_id)


def ask(sid: str, prompt: str, *, llm: str | None = None, role: Role = DEFAULT_ROLE, msg_id: str | None = None) -> str:
    """`aask` for synchronous code."""
    return async_to_sync(aask)(sid, prompt, llm=llm, role=role, msg_id=msg_id)


def check_sid(sid: str) -> None:
    """Raises InvalidMessage for an invalid session name."""
    if not (isinstance(sid, str) and is_sid(sid)):
        raise InvalidMessage("sid: a session name has 1 to 64 letters, digits or _ . -", field="sid")


async def _send(sid: str, body: type[Body], bd: dict[str, str], role: Role, msg_id: str | None) -> str:
    check_sid(sid)
    hd = {"event": body.event, "role": role} | ({} if msg_id is None else {"msg_id": msg_id})
    frame = from_data({"hd": hd, "bd": bd})
    principal = Principal(sid, cast(MemberRole, frame.role), _CODE_MAY)
    await engine().stream.keep(sid)
    return cast(Appended, await submit(engine(), principal, frame)).id
