"""Sessions whose records in the store are not what the server writes."""

import random

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import frame, request
from tests.attack.seeds import BROKEN

PATHS = ("/s/{sid}/", "/api/chat/history/{sid}", "/api/chat/history/{sid}?q=ab&order=desc", "/api/chat/sessions/{sid}")
MESSAGE = frame(b'{"hd":{"event":"chat.message"},"bd":{"text":"@llm hello"}}')


@attack("read-records", at_once=2, pause=0.4)
async def read_records(target: Target) -> str:
    """The page, the history and the settings of such a session."""
    path = random.choice(PATHS).format(sid=random.choice(BROKEN))
    async with Peer.connected(target) as peer:
        await peer.send(request(target, f"GET {path}", "Connection: close"))
        return await peer.response(within=10)


@attack("join-records", at_once=2, pause=0.4)
async def join_records(target: Target) -> str:
    """Joining such a session, and talking there."""
    async with Peer.joined(target, random.choice(BROKEN), "&since=0") as peer:
        await peer.send(MESSAGE)
        return await peer.end(within=1)
