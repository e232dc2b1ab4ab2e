"""Bodies without an end, or larger than the server takes."""

import random

from tests.attack.attacks.attack import Target, attack
from tests.attack.attacks.peer import Peer
from tests.attack.attacks.wire import request

PATHS = (
    "/",
    "/nowhere",
    "/healthz",
    "/s/attack-page/",
    "/admin/login/",
    "/static/doqchat/js/room.js",
    "/api/chat/history/attack-page",
    "/api/chat/sessions/attack-page/messages",
    "/v1/session/chat?sid=attack-page",
)
"""Any path takes a body, also one where none is expected."""

PIECE = 32 * 1024
CHUNK = f"{PIECE:x}\r\n".encode() + PIECE * b"a" + b"\r\n"
CHUNKS = 320
PAUSE = 0.05  # seconds between two chunks
DECLARED = 3_000_000
FORM = "Content-Type: application/x-www-form-urlencoded"


@attack("endless-chunks", at_once=4, pause=0.5)
async def endless_chunks(target: Target) -> str:
    """A chunked body without an end, up to 10 MiB of it."""
    method = random.choice(("POST", "PATCH", "GET"))
    async with Peer.connected(target) as peer:
        await peer.send(request(target, f"{method} {random.choice(PATHS)}", "Transfer-Encoding: chunked"))
        return await peer.repeat(CHUNK, CHUNKS, PAUSE)


@attack("large-body", at_once=2, pause=0.5)
async def large_body(target: Target) -> str:
    """A body of 3 MB, announced and sent."""
    async with Peer.connected(target) as peer:
        await peer.send(request(target, f"POST {random.choice(PATHS)}", f"Content-Length: {DECLARED}", FORM))
        answer = await peer.repeat(PIECE * b"a", DECLARED // PIECE, pause=0.01)
        return answer if answer != "no answer" else await peer.response(within=10)
