"""The principals that the frames come from: what each presents, and what the session may then contain."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from doqchat.store import keys
from doqchat.store.revocations import ALL
from tests.access.credentials import tampered, token, unsigned

SAID, ASKED = "chat.message", "llm.request"
SPEAKS = frozenset({SAID, ASKED})
NAMES = {"A": "Ada", "B": "Béla 💬", "user": None}
RENEWED_NAME = "Renewed"
"""The name in the token that `auth.refresh` may bring."""

LOGIN = "fuzz" * 8
"""The key of the Django session of the signed-in user, which tests/fuzz/site.py creates."""

Headers = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True)
class Principal:
    """A sender of frames.

    Attributes:
        name: what reports call it.
        headers: its credentials for a session, as headers of a handshake or a call.
        role: the role of everything that it stores; None if each frame may name one.
        stores: the events that it may store; empty for none.
        refused: the close code of its connections, if they are refused.
        query: further parameters of its URL.
        access: the access of the site that it comes to.
        prepare: called with the store for each session before the first connection.
        can: the capabilities that its token names; None for those of its role.
    """

    name: str
    headers: Headers = lambda _: {}
    role: str | None = None
    stores: frozenset[str] = frozenset()
    refused: int | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    access: str = "token"
    prepare: Callable[["redis.Redis", str], Any] = lambda store, sid: None
    can: Sequence[str] | None = None


def bearer(presented: str) -> dict[str, str]:
    """The header of a token or key."""
    return {"Authorization": f"Bearer {presented}"}


def holder(role: str, **said: Any) -> Headers:
    """The credentials of a role with its name in NAMES."""
    return lambda sid: bearer(token(sid, role, name=NAMES.get(role), **said))


def renewed(sid: str, role: str, can: Sequence[str] | None) -> list[str]:
    """Tokens for `auth.refresh`: two that are accepted from the role, and others that are not."""
    return [
        token(sid, role, name=NAMES.get(role), can=can),
        token(sid, role, name=RENEWED_NAME, can=can),
        token(sid, "observer" if role != "observer" else "A"),
        token(sid, role, sub="another"),
        token(sid, role, exp=1),
        token("another", role),
        tampered(sid),
        "x",
    ]


def _revoke(store: "redis.Redis", sid: str) -> None:
    store.hset(keys.revoked(sid), ALL, str(time.time() + 3600))


PRINCIPALS = {
    each.name: each
    for each in [
        Principal("A", holder("A"), "A", SPEAKS),
        Principal("B", holder("B"), "B", SPEAKS),
        Principal("user", holder("user"), "user", SPEAKS),
        Principal("member", lambda sid: {"Cookie": f"doqchat-{sid}={token(sid, name='Ada')}"}, "A", SPEAKS),
        Principal("signed-in", lambda _: {"Cookie": f"sessionid={LOGIN}"}, "A", SPEAKS),
        Principal("sender", holder("A", can=["read", "send"]), "A", frozenset({SAID}), can=["read", "send"]),
        Principal("reader", holder("A", can=["read"]), "A", can=["read"]),
        Principal("observer", holder("observer"), "observer"),
        Principal("open", stores=SPEAKS, access="open"),
        Principal("none", refused=4401),
        Principal("expired", holder("A", exp=1), refused=4401),
        Principal("unsigned", lambda sid: bearer(unsigned(sid)), refused=4401),
        Principal("api-key", lambda _: bearer("dqk_" + 43 * "x"), refused=4401),
        Principal("elsewhere", lambda sid: bearer(token(f"{sid}-other")), refused=4403),
        Principal("other-role", holder("A"), refused=4403, query={"role": "B"}),
        Principal("revoked", holder("A"), refused=4403, prepare=_revoke),
    ]
}


def names_of(principal: Principal) -> set[str | None]:
    """The names that its messages may have; those of open access are what the frames say."""
    return {NAMES.get(principal.role or ""), RENEWED_NAME}


def marker(number: int) -> tuple[str, str]:
    """Two valid frames: a message, and a ping whose answer shows that everything before it was processed."""
    said = json.dumps({"hd": {"event": SAID, "msg_id": f"marker-{number}"}, "bd": {"text": f"marker {number}"}})
    return said, json.dumps({"hd": {"event": "ping"}, "bd": {"marker": number}})
