"""Filling the memory of the store."""

import json
import random

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import frame

FILLER = 60_000  # bytes of a field that the server only stores
LARGE_MESSAGE = frame(
    json.dumps({"hd": {"event": "chat.message", "x": FILLER * "a"}, "bd": {"text": "a", "y": 4_000 * "b"}}).encode()
)


@attack("large-fields", at_once=2, pause=0.5)
async def large_fields(target: Target) -> str:
    """Messages of nearly 64 KiB, three a second, mostly fields that the server only stores."""
    async with Peer.joined(target, f"attack-storage-{random.randrange(2)}") as peer:
        return await peer.repeat(LARGE_MESSAGE, times=60, pause=0.35)
