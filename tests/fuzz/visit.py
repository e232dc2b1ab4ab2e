"""One connection that sends frames, and one call over HTTP; AssertionError if the server does what it must not."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from doqchat import errors
from doqchat.protocol.events import Body
from tests.fuzz.frames import ENDINGS, Sent, text_frame
from tests.fuzz.principals import SAID, Principal, marker
from tests.serving.raw import CLOSE, TEXT, Peer

EVENTS = {body.event for body in Body.__subclasses__()}
CODES = {kind.code for kind in errors.DoqchatError.__subclasses__()} - {"internal", "unavailable", "unreadable"}
"""The codes of errors that are no fault of the server."""

ABORTED = 1006
"""The code of a connection without a close frame."""


@dataclass(frozen=True)
class Visit:
    """What is sent in one connection.

    Attributes:
        sid: the session.
        number: of the visit; makes its marker unique.
        frames: what is sent at once, together with the handshake.
        ending: the name of what ends the connection, or empty.
        query: further parameters of the URL.
        v1: whether the full protocol is requested.
    """

    sid: str
    number: int
    frames: Sequence[Sent]
    ending: str
    query: dict[str, str]
    v1: bool


def visit(address: str, principal: Principal, what: Visit) -> None:
    """Connect, send everything, and check the answers."""
    path = "/v1/session/chat?" + urlencode({"sid": what.sid, **what.query, **principal.query})
    offered = ["Sec-WebSocket-Protocol: doqchat.v1"] if what.v1 else []
    last = ENDINGS[what.ending][0] if what.ending else b"".join(text_frame(each).data for each in marker(what.number))
    with Peer(address) as peer:
        peer.upgrade(path, *offered, *_headers(address, principal, what.sid), then=_joined(what.frames) + last)
        if what.ending == "half a frame":
            return
        code, heard = _until_answered(peer, what.number)
    if principal.refused:
        assert (code, [frame["hd"]["event"] for frame in heard]) == (principal.refused, ["error"]), (code, heard)
    elif what.ending:
        assert code in {*ENDINGS[what.ending][1], ABORTED}, (code, heard[-2:])
    else:
        assert code is None, (code, heard[-2:])
        assert _is_stored(what.number, heard) is (SAID in principal.stores), heard[-5:]


def post(address: str, principal: Principal, sid: str, text: str) -> None:
    """Send the text of a frame over HTTP, and check the answer."""
    data = text.encode()
    head = [
        f"POST /api/chat/sessions/{sid}/messages HTTP/1.1",
        f"Host: {address}",
        "Content-Type: application/json",
        f"Content-Length: {len(data)}",
        "Connection: close",
        *_headers(address, principal, sid),
    ]
    with Peer(address) as peer:
        peer.send("\r\n".join([*head, "", ""]).encode() + data)
        status, body = peer.response()
    assert status < 500, (status, body[:500])
    assert status < 300 or json.loads(body)["error"]["code"] in CODES, (status, body[:500])
    if principal.refused:
        assert status in (401, 403, 413), (status, body[:500])


def _headers(address: str, principal: Principal, sid: str) -> list[str]:
    presented = {"Origin": f"http://{address}", **principal.headers(sid)}
    return [f"{name}: {value}" for name, value in presented.items()]


def _joined(frames: Sequence[Sent]) -> bytes:
    return b"".join(frame.data for frame in frames)


def _until_answered(peer: Peer, number: int) -> tuple[int | None, list[Any]]:
    """All envelopes until the marker and the ping behind it are answered, in either order, or until the connection is
    closed; and the close code."""
    heard: list[Any] = []
    pong = False
    try:
        while not (pong and _is_stored(number, heard) is not None):
            opcode, payload = peer.frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big") if payload else 1005, heard
            if opcode == TEXT:
                heard.append(_envelope(payload))
                pong = pong or (heard[-1]["hd"]["event"], heard[-1]["bd"]) == ("pong", {"marker": number})
    except EOFError:
        return ABORTED, heard
    return None, heard


def _envelope(payload: bytes) -> Any:
    """A frame of the server's; it is one of its events, and no error is its own fault."""
    envelope = json.loads(payload, parse_constant=_refuse)
    assert envelope["hd"]["event"] in EVENTS, envelope
    assert envelope["hd"]["event"] != "error" or envelope["bd"]["code"] in CODES, envelope
    return envelope


def _is_stored(number: int, heard: Sequence[Any]) -> bool | None:
    """Whether the marker was delivered; None if it has no answer yet."""
    marked = f"marker-{number}"
    for frame in heard:
        if frame["hd"]["event"] == SAID and frame["hd"].get("msg_id") == marked:
            return True
        if frame["hd"]["event"] == "error" and frame["bd"].get("msg_id") == marked:
            return False
    return None


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
