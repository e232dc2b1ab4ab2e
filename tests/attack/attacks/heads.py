"""Heads of requests without an end, or longer than anybody needs."""

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import handshake, request

PIECE = 8 * 1024
PIECES = 256
PAUSE = 0.05  # seconds between two pieces


async def _without_end(target: Target, beginning: str, piece: bytes) -> str:
    async with Peer.connected(target) as peer:
        await peer.send(beginning.encode())
        return await peer.repeat(piece, PIECES, PAUSE)


@attack("endless-url", at_once=2, pause=0.5)
async def endless_url(target: Target) -> str:
    """A request line without an end."""
    return await _without_end(target, "GET /", PIECE * b"a")


@attack("endless-header", at_once=2, pause=0.5)
async def endless_header(target: Target) -> str:
    """A header line without an end."""
    return await _without_end(target, f"GET / HTTP/1.1\r\nHost: {target.address}\r\nX: ", PIECE * b"a")


@attack("endless-headers", at_once=2, pause=0.5)
async def endless_headers(target: Target) -> str:
    """Header lines without an end."""
    return await _without_end(target, f"GET / HTTP/1.1\r\nHost: {target.address}\r\n", (PIECE // 6) * b"X: a\r\n")


@attack("long-handshake", at_once=2, pause=0.3)
async def long_handshake(target: Target) -> str:
    """A handshake with a line of more than 8 KiB."""
    async with Peer.connected(target) as peer:
        await peer.send(handshake(target, "sid=attack-long", f"X: {9 * 1024 * 'a'}"))
        return await peer.response(within=10)


@attack("long-host", at_once=2, pause=0.3)
async def long_host(target: Target) -> str:
    """A `Host` of 12,000 characters."""
    async with Peer.connected(target) as peer:
        await peer.send(f"GET / HTTP/1.1\r\nHost: {12_000 * 'a'}.example\r\n\r\n".encode())
        return await peer.response(within=10)


@attack("many-headers", at_once=2, pause=0.5)
async def many_headers(target: Target) -> str:
    """A whole request with 1,000 header lines."""
    async with Peer.connected(target) as peer:
        await peer.send(request(target, "GET /healthz", *(f"X-{number}: a" for number in range(1_000))))
        return await peer.response(within=10)
