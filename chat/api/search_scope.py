"""Which sessions a search covers: those that the caller may read. Searching brings no session back to the store."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from chat.access.cookies import MEMBERSHIP
from chat.access.credentials import credential_holder, credentials_of
from chat.access.joined_sessions import joined_by_user
from chat.search_hits import archived_states
from doqchat.conf import access_mode
from doqchat.engine import engine
from doqchat.errors import DoqchatError, InvalidMessage, Unauthenticated
from doqchat.protocol.names import is_sid
from doqchat.sessions import check_sid
from doqchat.store.clients import pairs
from doqchat.store.revocations import Revoked

MOST_SESSIONS = 100
"""Maximum number of sessions that a search covers; of a person's sessions the ones joined last."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The sessions of a search.

    Attributes:
        sids: those that it covers.
        unreadable: those that the caller has named and may not read.
    """

    sids: list[str]
    unreadable: list[str] = field(default_factory=list)


async def scope_of(request: HttpRequest, named: Sequence[str]) -> Scope:
    """The sessions that the caller names or, without names, the sessions of its credentials.

    Raises:
        InvalidMessage: a name is invalid, or there is none and access is open.
        Unauthenticated, Forbidden, Unavailable: the caller may read none of them; or there is a token in the URL.
    """
    for sid in named:
        check_sid(sid)
    candidates = list(dict.fromkeys(named or await _own(request)))[:MOST_SESSIONS]
    if not candidates:
        raise Unauthenticated("Access requires a token; see docs/en/access.md.")
    states = await archived_states(candidates)
    problems = await asyncio.gather(*(_problem(request, sid, states.get(sid, {})) for sid in candidates))
    readable = [sid for sid, problem in zip(candidates, problems, strict=True) if problem is None]
    if not readable:
        raise next(problem for problem in problems if problem is not None)
    return Scope(readable, [sid for sid in dict.fromkeys(named) if sid not in readable])


async def _own(request: HttpRequest) -> list[str]:
    """The sessions of the caller's credentials."""
    if access_mode() == "open":
        raise InvalidMessage("sid: name the sessions to search; open access knows no sessions of yours.", field="sid")
    if tokens := credentials_of(request):
        return [await engine().authenticator.sid_of(token) for token in tokens]
    cookies = [name.removeprefix(MEMBERSHIP) for name in request.COOKIES if name.startswith(MEMBERSHIP)]
    return [*filter(is_sid, cookies), *await joined_by_user(request, MOST_SESSIONS)]


async def _problem(request: HttpRequest, sid: str, state: dict[str, Any]) -> DoqchatError | None:
    """Why the caller may not read a session; None if it may."""
    try:
        reader = await credential_holder(request, sid)
        reader.require("read")
        if reader.verified:
            # The store first: a session that leaves it in between has the revocations in both.
            revoked = Revoked(await engine().revocations.of(sid))
            revoked.add({what: float(time) for what, time in pairs(state.get("revoked") or [])})
            revoked.check(reader)
    except DoqchatError as problem:
        return problem
    return None
