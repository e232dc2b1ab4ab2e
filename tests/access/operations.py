"""What can be done in a session, as each operation is tried with a token: it is allowed, or refused with a code."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import connect

from tests.chat.fetch import Answer, fetch
from tests.client import WITHIN, Client, Frame
from tests.processes import Web

ALLOWED = "yes"
NOT_THERE = "not_found"
"""What is answered to a cancel, a read receipt or a revocation that is allowed, and names nothing that there is."""

JSON = {"Content-Type": "application/json"}
HISTORY, SESSION = "/api/chat/history/{sid}", "/api/chat/sessions/{sid}"
MESSAGES, REVOCATIONS, INVITES = f"{SESSION}/messages", f"{SESSION}/revocations", f"{SESSION}/invites"
SESSIONS = "/api/chat/sessions"
SAYING = {"hd": {"event": "chat.message"}, "bd": {"text": "hi"}}
ASKING = {"hd": {"event": "llm.request"}, "bd": {"prompt": "hi"}}

FRAMES: dict[str, tuple[str, Any]] = {
    "`chat.message`": ("chat.message", {"text": "hi"}),
    "`llm.request`": ("llm.request", {"prompt": "hi"}),
    "`llm.cancel`": ("llm.cancel", {"reply_id": "r1-1"}),
    "`chat.typing`": ("chat.typing", {"active": False}),
    "`chat.read`": ("chat.read", {"id": "1-1"}),
    "`session.sync`": ("session.sync", {"since": "0"}),
    "`ping`": ("ping", {}),
}
CALLS: dict[str, tuple[str, str, Any]] = {
    "`GET history`": ("GET", HISTORY, None),
    "`GET history?q=`": ("GET", f"{HISTORY}?q=hi", None),
    "`GET search`": ("GET", "/api/chat/search?q=hi&sid={sid}", None),
    "`GET sessions/SID/export`": ("GET", f"{SESSION}/export", None),
    "`GET sessions/SID`": ("GET", SESSION, None),
    '`PATCH sessions/SID`: `{"policy": "off"}`': ("PATCH", SESSION, {"policy": "off"}),
    "`PATCH sessions/SID`": ("PATCH", SESSION, {"policy": "mention"}),
    "`POST sessions/SID/messages`: `chat.message`": ("POST", MESSAGES, SAYING),
    "`POST sessions/SID/messages`: `llm.request`": ("POST", MESSAGES, ASKING),
    "`POST sessions/SID/revocations`": ("POST", REVOCATIONS, {"jti": "nobody's"}),
    "`POST sessions`": ("POST", SESSIONS, {"invites": [{"role": "A"}]}),
    "`POST sessions/SID/invites`": ("POST", INVITES, {"role": "A"}),
    "`GET sessions/SID/invites`": ("GET", INVITES, None),
    "`DELETE sessions/SID/invites/ID`": ("DELETE", f"{INVITES}/1", None),
    "`DELETE sessions/SID/messages/ID`": ("DELETE", f"{MESSAGES}/1-1", None),
    "`PUT sessions/SID/mutes/ROLE`": ("PUT", f"{SESSION}/mutes/B", {"seconds": 60}),
    "`DELETE sessions/SID/mutes/ROLE`": ("DELETE", f"{SESSION}/mutes/B", None),
    "`DELETE sessions/SID`": ("DELETE", SESSION, None),
    "`POST sessions/SID/reopen`": ("POST", f"{SESSION}/reopen", None),
}
CONNECT = "WebSocket, `?since=`"


@asynccontextmanager
async def opened(
    web: Web,
    sid: str,
    *tokens: str,
    headers: Sequence[str] = (),
    others: Mapping[str, str] | None = None,
    v1: bool = True,
    query: str = "",
) -> AsyncIterator[Client]:
    """A socket with tokens among its subprotocols, in headers Authorization, and with other headers."""
    offered = [*(["doqchat.v1"] if v1 else []), *(f"bearer.{token}" for token in tokens)]
    connecting = connect(
        f"{web.ws}/v1/session/chat?sid={sid}{query}",
        subprotocols=offered or None,  # type: ignore[arg-type]
        additional_headers=[*(("Authorization", f"Bearer {token}") for token in headers), *(others or {}).items()],
        open_timeout=WITHIN,
        close_timeout=WITHIN,
        proxy=None,
    )
    async with connecting as socket:
        yield Client(socket)


async def refused(client: Client) -> tuple[str, int | None]:
    """The code of the error that precedes the end of a connection, and the close code."""
    error = await client.recv()
    assert error["hd"]["event"] == "error", error
    return error["bd"]["code"], await client.close_code()


async def connecting(web: Web, sid: str, *tokens: str, since: str = "", others: Mapping[str, str] | None = None) -> str:
    """What becomes of a connection."""
    async with opened(web, sid, *tokens, query=f"&since={since}" if since else "", others=others) as client:
        first = await client.recv()
        return ALLOWED if first["hd"]["event"] == "session.welcome" else first["bd"]["code"]


async def sending(client: Client, event: str, bd: Any, **hd: Any) -> str:
    """What becomes of a frame: all that comes before the answer to a ping."""
    await client.send(event, bd, **hd)
    await client.send("ping", {"after": event})
    heard: list[Frame] = [await client.recv()]
    while not (heard[-1]["hd"]["event"] == "pong" and heard[-1]["bd"] == {"after": event}):
        heard.append(await client.recv())
    return outcome(next((frame["bd"]["code"] for frame in heard if frame["hd"]["event"] == "error"), ALLOWED))


def calling(web: Web, sid: str, token: str | None, method: str, path: str, body: Any) -> Answer:
    """The answer to a call over HTTP with a token."""
    return calling_with(web, sid, {} if token is None else {"Authorization": f"Bearer {token}"}, method, path, body)


def calling_with(web: Web, sid: str, headers: Mapping[str, str], method: str, path: str, body: Any) -> Answer:
    """The answer to a call over HTTP with headers."""
    content = None if body is None else json.dumps(body).encode()
    return fetch(web, path.format(sid=sid), method, JSON | headers, content)


def outcome(code: str) -> str:
    """How a code is shown in the table."""
    return ALLOWED if code == NOT_THERE else code


def answered(answer: Answer) -> str:
    """What became of a call over HTTP."""
    return ALLOWED if answer.status < 300 else outcome(answer.json["error"]["code"])
