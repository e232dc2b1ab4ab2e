"""Requests and WebSocket frames as bytes."""

import struct

from tests.attack.attacks.attack import Target

TEXT, BINARY, CONTINUATION, PING = 0x1, 0x2, 0x0, 0x9


def handshake(target: Target, query: str, *headers: str, path: str = "/v1/session/chat") -> bytes:
    """The request that opens a WebSocket with the full protocol; `headers` are further lines."""
    lines = [
        f"GET {path}?{query} HTTP/1.1",
        f"Host: {target.address}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: doqchat.v1",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def request(target: Target, line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request such as `GET /`, with further header lines and a body."""
    lines = [f"{line} HTTP/1.1", f"Host: {target.address}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def frame(payload: bytes, opcode: int = TEXT, final: bool = True) -> bytes:
    """One WebSocket frame, masked with zeros."""
    return head(len(payload), opcode, final) + payload


def head(length: int, opcode: int = TEXT, final: bool = True) -> bytes:
    """The beginning of a frame, up to its payload of `length` bytes."""
    first = opcode | (0x80 if final else 0)
    if length < 126:
        size = struct.pack(">BB", first, 0x80 | length)
    elif length < 2**16:
        size = struct.pack(">BBH", first, 0x80 | 126, length)
    else:
        size = struct.pack(">BBQ", first, 0x80 | 127, length)
    return size + bytes(4)
