"""Many frames: refused ones, ones over the rate limit, tiny ones, empty ones, ones that ask for much."""

import random

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.frames import CHAT_PING
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import BINARY, CONTINUATION, PING, frame
from tests.attack.seeds import LARGE

IN_ONE_WRITE = 50
WRITES = 60
PAUSE = 0.5  # seconds between two writes: 100 frames a second on each socket
REFUSED = b"".join(
    random.choice(
        [frame(b"{"), frame(b"\x00\x01", BINARY), frame(b'{"hd":{"event":"none"},"bd":{}}'), frame(b"[" * 500)]
    )
    for _ in range(IN_ONE_WRITE)
)
TYPING = IN_ONE_WRITE * frame(b'{"hd":{"event":"chat.typing"},"bd":{"active":true}}')
SMALL_FRAMES = (256 * 1024 // 7) * frame(b"{")
FRAGMENTS = 200 * (frame(b"a", CONTINUATION, final=False) + frame(b"a", PING))
SYNC = frame(b'{"hd":{"event":"session.sync"},"bd":{"since":"0"}}')
ASK = frame(b'{"hd":{"event":"llm.request"},"bd":{"prompt":"summary"}}')
EMPTY_CONTINUATIONS = 5_000 * frame(b"", CONTINUATION, final=False)


async def _flood(target: Target, name: str, frames: bytes) -> str:
    async with Peer.joined(target, f"attack-{name}-{random.randrange(4)}") as peer:
        return await peer.repeat(frames, WRITES, PAUSE)


@attack("refused-frames", at_once=10, pause=0.2)
async def refused_frames(target: Target) -> str:
    """Frames that are no messages: half a JSON text, bytes, unknown events, too many brackets."""
    return await _flood(target, "refused", REFUSED)


@attack("typing-flood", at_once=6, pause=0.2)
async def typing_flood(target: Target) -> str:
    """More `chat.typing` than the rate limit allows."""
    return await _flood(target, "typing", TYPING)


@attack("ping-flood", at_once=6, pause=0.2)
async def ping_flood(target: Target) -> str:
    """More `ping` events than the rate limit allows."""
    return await _flood(target, "pings", IN_ONE_WRITE * CHAT_PING)


@attack("control-pings", at_once=4, pause=0.2)
async def control_pings(target: Target) -> str:
    """WebSocket pings, which the server's library answers by itself."""
    return await _flood(target, "control", IN_ONE_WRITE * frame(bytes(125), PING))


@attack("small-frames", at_once=2, pause=2)
async def small_frames(target: Target) -> str:
    """256 KiB of frames of 7 bytes in one write."""
    async with Peer.joined(target, "attack-small") as peer:
        await peer.send(SMALL_FRAMES)
        return await peer.end(within=15)


@attack("tiny-fragments", at_once=2, pause=0.5)
async def tiny_fragments(target: Target) -> str:
    """A message in fragments of one byte, with a ping between any two."""
    async with Peer.joined(target, "attack-fragments") as peer:
        await peer.send(frame(b"a", final=False))
        return await peer.repeat(FRAGMENTS, times=60, pause=0.5)


@attack("syncs", at_once=1, pause=1)
async def syncs(target: Target) -> str:
    """The whole of a large session again and again, as often as the rate limit allows, and more."""
    async with Peer.joined(target, LARGE) as peer:
        return await peer.repeat(10 * SYNC, times=15, pause=1)


@attack("model-requests", at_once=3, pause=0.5)
async def model_requests(target: Target) -> str:
    """More requests to the model than a session may have."""
    async with Peer.joined(target, f"attack-asks-{random.randrange(3)}") as peer:
        return await peer.repeat(5 * ASK, times=30, pause=0.5)


@attack("empty-continuations", at_once=2, pause=0.5)
async def empty_continuations(target: Target) -> str:
    """A message that goes on and on without a byte in it."""
    async with Peer.joined(target, "attack-continued") as peer:
        await peer.send(frame(b"a", final=False))
        return await peer.repeat(EMPTY_CONTINUATIONS, times=30, pause=0.5)
