"""Frames that WebSocket forbids, in the middle of valid ones."""

import random

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import BINARY, CONTINUATION, PING, TEXT, frame, head

CHAT_PING = frame(b'{"hd":{"event":"ping"},"bd":{}}')
NOT_UTF8 = [
    frame(b"\xff"),
    frame(b'{"hd":{"event":"ping"},"bd":{"x":"\xed\xa0\x80"}}'),  # a surrogate
    frame(b"\xc0\xaf"),  # longer than it need be
    frame(b"\xe2\x82"),  # cut off
    frame(b"ab", final=False) + frame(b"\xff", CONTINUATION),
    frame(b"\xe2", final=False) + frame(b"\x28\xa1", CONTINUATION),
]
FORBIDDEN = [
    b"\x81\x01a",  # not masked
    b"\xc1" + frame(b"a")[1:],  # a reserved bit
    frame(b"", 0x3),
    frame(b"", 0xB),
    frame(bytes(126), PING),
    frame(b"a", PING, final=False),
    frame(b"a", CONTINUATION),
    frame(b"a", final=False) + frame(b"a", TEXT),
    frame(b"a", final=False) + frame(b"a", BINARY),
    frame(b"\x03", 0x8),  # half a close code
    frame(b"\x03\xed", 0x8),  # a close code that stands in no frame
    frame(b"\x03\xe8\xff", 0x8),
    head(2**63),
    head(2**40),
    b"\x81\xfe\x00\x01" + bytes(5),  # a length longer than it need be
]


async def _amid_pings(target: Target, name: str, bad: bytes) -> str:
    async with Peer.joined(target, f"attack-{name}-{random.randrange(4)}") as peer:
        await peer.send(2 * CHAT_PING + bad + 2 * CHAT_PING)
        return await peer.end(within=10)


@attack("not-utf8", at_once=3, pause=0.2)
async def not_utf8(target: Target) -> str:
    """Pings, a text that is not UTF-8, pings, in one write."""
    return await _amid_pings(target, "utf8", random.choice(NOT_UTF8))


@attack("forbidden-frames", at_once=3, pause=0.2)
async def forbidden_frames(target: Target) -> str:
    """Pings, any other violation of the protocol, pings, in one write."""
    return await _amid_pings(target, "frames", random.choice(FORBIDDEN))
