"""Requests that are wrong in one way or another, many of them."""

import random

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import handshake, request


def _wrong(target: Target) -> list[bytes]:
    host = f"Host: {target.address}\r\n"
    return [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x00\x00\x00\x00\r\n\r\n",
        f"GET / HTTP/9.9\r\n{host}\r\n".encode(),
        b"GET / HTTP/1.1\r\n\r\n",
        f"GET / HTTP/1.1\r\n{host}{host}\r\n".encode(),
        f"GET /s/%ff%fe/ HTTP/1.1\r\n{host}\r\n".encode(),
        f"GET /s/\x00/ HTTP/1.1\r\n{host}\r\n".encode(),
        f"GET /s/세션/ HTTP/1.1\r\n{host}\r\n".encode(),
        f"GET http://[::1 HTTP/1.1\r\n{host}\r\n".encode(),
        f"GET /?sid=%00&role=%ff HTTP/1.1\r\n{host}\r\n".encode(),
        f"POST / HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n".encode(),
        f"POST / HTTP/1.1\r\n{host}Content-Length: x\r\n\r\n".encode(),
        f"POST / HTTP/1.1\r\n{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(),
        f"POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
        f"GET / HTTP/1.1\r\n{host}Cookie: sessionid=\xff; csrftoken=%00\r\n\r\n".encode("latin-1"),
        f"GET / HTTP/1.1\r\n{host}Accept-Language: {'x-' * 1000}\r\n\r\n".encode(),
        request(target, "GET /api/chat/history/a?limit=99999999&after=x&before=%ff&event=none"),
        request(target, "GET /api/chat/history/a?after=9999999999999999999999-0"),
        request(target, "GET /static/../../manage.py"),
        request(target, "GET /static/%2e%2e/%00"),
        request(target, "POST /admin/login/", "Content-Length: 3", body=b"a=b"),
        request(
            target,
            "POST /admin/login/",
            "Content-Type: multipart/form-data; boundary=x",
            "Content-Length: 4",
            body=b"--x\r",
        ),
        request(target, "POST /api/chat/sessions/a/messages", "Content-Length: 60000", body=60_000 * b"["),
        request(target, "PATCH /api/chat/sessions/a", "Content-Length: 2", body=b"\xff\xfe"),
    ]


def _wrong_handshakes(target: Target) -> list[bytes]:
    proper = handshake(target, "sid=attack-handshake")
    return [
        proper.replace(b"Version: 13", b"Version: 8"),
        proper.replace(b"Version: 13", b"Version: x"),
        proper.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"short"),
        proper.replace(b"Sec-WebSocket-Key", b"X"),
        proper.replace(b"Connection: Upgrade\r\n", b""),
        proper.replace(b"GET", b"POST"),
        proper.replace(b"HTTP/1.1", b"HTTP/1.0"),
        handshake(target, "sid=%ff%fe&role=%00"),
        handshake(target, "sid=a&since=99999999999999999999999-0"),
        handshake(target, "sid=a", path="/%ff/nowhere"),
        handshake(target, "sid=a", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99"),
        handshake(target, "sid=a", "Sec-WebSocket-Protocol: " + ",".join(map(str, range(1_000)))),
    ]


async def _ask(target: Target, data: bytes) -> str:
    async with Peer.connected(target) as peer:
        await peer.send(data)
        answer = await peer.response(within=5)
        return await peer.end(within=5) if answer == "open" else answer


@attack("malformed-requests", at_once=3, pause=0.3)
async def malformed(target: Target) -> str:
    """Requests that are no HTTP, or that no view can use."""
    return await _ask(target, random.choice(_wrong(target)))


@attack("malformed-handshakes", at_once=2, pause=0.3)
async def malformed_handshakes(target: Target) -> str:
    """Handshakes that are not WebSocket's, or name no session."""
    return await _ask(target, random.choice(_wrong_handshakes(target)))


@attack("wrong-hosts", at_once=2, pause=0.3)
async def wrong_host(target: Target) -> str:
    """A host that is not in ALLOWED_HOSTS."""
    return await _ask(target, f"GET /s/a/ HTTP/1.1\r\nHost: evil{random.random()}.example\r\n\r\n".encode())


@attack("foreign-origins", at_once=2, pause=0.3)
async def foreign_origin(target: Target) -> str:
    """A socket that a page of another site opens."""
    origin = random.choice(("https://evil.example", "null", "http://[", f"http://{'a' * 4000}", "file://"))
    return await _ask(target, handshake(target, "sid=attack-origin", f"Origin: {origin}"))
